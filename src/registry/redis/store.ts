// The store of a proxy that shares its records with others through Redis. A full copy answers all queries;
// Redis decides who maps a stream; and when Redis cannot be asked, this proxy decides from the copy, in a
// way that leads every other proxy to the same result. Knows no client protocol.

import type { StreamPageRequest } from "../../core/registrar.ts";
import { type Clock, systemClock, within } from "../../core/clock.ts";
import type { ChangeCounts } from "../../core/change_counts.ts";
import { ProxyError } from "../../core/errors.ts";
import type { Origin, OriginChange } from "../../core/origin.ts";
import type { Metrics, RtcSession } from "../../core/contracts.ts";
import { MemoryStore } from "../memory_store.ts";
import { RecordTable } from "../record_table.ts";
import type { RedisAccess, RedisServers } from "../../core/redis_access.ts";
import { RedisConnection } from "./connection.ts";
import type { OpenCalls } from "./calls.ts";
import { Batcher } from "./batcher.ts";
import { FleetBook } from "./fleet_book.ts";
import { Follower } from "./follower.ts";
import { Gate } from "./gate.ts";
import { GivenUp } from "./given_up.ts";
import { Keys } from "./keys.ts";
import { RedisLink } from "./link.ts";
import { locatorOf } from "./locate.ts";
import { MappingCalls } from "./mapping_calls.ts";
import { OriginLookup } from "./origin_lookup.ts";
import type { MappingResult, Word } from "./records.ts";
import { Remote } from "./remote.ts";
import { SessionBook } from "./session_book.ts";
import { SettingsBook } from "./settings_book.ts";
import { Unwritten } from "./unwritten.ts";
import { Upkeep } from "./upkeep.ts";
import { type StreamOperation, toClaim, toForget, toLease } from "./stream_operations.ts";
import { chosenAlone } from "../rendezvous.ts";
import type {
  Answer,
  ForgottenStream,
  FoundStream,
  OriginRecord,
  Store,
  StoreSize,
  StreamClaim,
  StreamLease,
  StreamMove,
  StreamRecord,
  StreamRecordPage,
} from "../store.ts";

/** Where Redis is, and how much it may hold. */
export interface RedisStoreOptions {
  readonly servers: RedisServers;
  /** Read for every connection. */
  readonly access: () => RedisAccess;
  /** Put before the name of every key, so that several clusters of proxies can share a database. */
  readonly keyPrefix: string;
  readonly maxOrigins: number;
  readonly maxStreams: number;
  /** Limit on WebRTC sessions of all proxies; 100,000 by default. */
  readonly maxSessions?: number;
  readonly metrics: Metrics;
  /** The process's own by default. */
  readonly clock?: Clock;
  /** Returns numbers from 0 up to but not including 1; `Math.random` by default. */
  readonly random?: () => number;
  /** Opens connections; real ones by default. */
  readonly open?: OpenCalls;
}

const DEFAULT_MAX_SESSIONS = 100_000;
/** Milliseconds for one reply that somebody waits for. */
const DEADLINE = 90;
const BACKGROUND_DEADLINE = 1_000;
const FIRST_CONNECTION = 1_500;
const LAST_WRITES = 500;
const TICK = 250;
/** Life in Redis of configured origins, which their proxies renew again and again. */
const PERMANENT_TTL = 30_000;
/** A mapping that was given up is reused only if it has at least this much time left. */
const STILL_FRESH = 7_000;

export class RedisStore implements Store {
  onSuspect: (origin: string) => void = () => {};
  onLiveEnd: (stream: string) => void = () => {};
  onEndStream: (stream: string) => void = () => {};
  readonly #options: RedisStoreOptions;
  readonly #clock: Clock;
  readonly #now = () => this.#clock.now();
  readonly #table: RecordTable;
  readonly #copy: MemoryStore;
  readonly #unwritten: Unwritten;
  readonly #remote: Remote;
  readonly #gate: Gate;
  readonly #link: RedisLink;
  readonly #follower: Follower;
  readonly #queue: Batcher<StreamOperation, MappingResult>;
  readonly #calls: MappingCalls;
  readonly #sessions: SessionBook;
  readonly #upkeep: Upkeep;
  readonly fleet: FleetBook;
  readonly #timer: Disposable;
  readonly changes: ChangeCounts;
  readonly originTimeLeft = (id: string) => this.#copy.originTimeLeft(id);
  readonly #givenUp = new GivenUp();
  readonly #permanent = new Map<string, Origin>();
  readonly #lookup: OriginLookup;
  readonly #settings: SettingsBook;

  /**
   * Connects, and waits for that at most a second and a half: the store also works without Redis, and keeps
   * trying.
   */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const store = new RedisStore(options);
    await within(store.#clock, FIRST_CONNECTION, store.#link.tried, () => {});
    return store;
  }

  private constructor(options: RedisStoreOptions) {
    const { maxOrigins, maxStreams, maxSessions = DEFAULT_MAX_SESSIONS, metrics, access } = options;
    const { clock = systemClock, random = Math.random } = options;
    const now = this.#now;
    const keys = new Keys(options.keyPrefix);
    const limits = { maxOrigins, maxStreams, maxSessions };
    this.#options = options;
    this.#clock = clock;
    this.#table = new RecordTable(limits);
    this.changes = this.#table.changes;
    const time = () => this.#remote.timeAt(now()) ?? 0;
    this.#copy = new MemoryStore({ ...limits, now, time, table: this.#table });
    this.#unwritten = new Unwritten(Math.max(maxOrigins, maxStreams));
    this.#remote = new Remote({ keys, limits, metrics, now });
    this.#gate = new Gate({
      metrics,
      clock,
      connection: () => this.#link.connection,
      onShut: () => this.#table.freeze(now()),
    });
    this.#table.freeze(now());
    this.#sessions = new SessionBook({
      remote: this.#remote,
      gate: this.#gate,
      maxSessions,
      now,
      wait: DEADLINE,
    });
    const parts = {
      ...{ table: this.#table, unwritten: this.#unwritten, remote: this.#remote },
      ...{ gate: this.#gate, sessions: this.#sessions, now },
    };
    this.#follower = new Follower({
      ...parts,
      metrics,
      isOwn: (id) => this.#permanent.has(id),
      onGap: () => this.#upkeep.gap(),
      onSession: (change) => this.#sessions.changed(change),
      onWord: (word) => this.#heard(word),
      onLiveEnd: (stream) => this.onLiveEnd(stream),
    });
    this.fleet = new FleetBook(this.#remote, this.#gate);
    this.#settings = new SettingsBook(parts);
    this.#lookup = new OriginLookup({
      ...{ gate: this.#gate, remote: this.#remote, follower: this.#follower, now },
      known: (id) => this.#copy.origin(id),
    });
    this.#queue = new Batcher(async (connection, operations) => {
      const results = await this.#remote.streams(connection, operations);
      this.#follower.takeResults(operations, results);
      return results.value;
    });
    this.#calls = new MappingCalls({ ...parts, queue: this.#queue, maxStreams, wait: DEADLINE });
    this.#upkeep = new Upkeep({ ...parts, random, follower: this.#follower, queue: this.#queue });
    const onMessage = (message: string) => this.#follower.take(message);
    const open = options.open ??
      ((wanted) => RedisConnection.open({ ...wanted, access: access() }));
    this.#link = new RedisLink({
      clock,
      random,
      locate: locatorOf(options.servers, access, keys.version),
      open: (address, signal) => open({ address, signal, channel: keys.channel, onMessage }),
      onConnected: (connection) => this.#upkeep.connected(connection),
      onLost: (why) => this.#gate.shut(why),
    });
    this.#timer = clock.every(TICK, () => this.#tick());
  }

  get trouble(): string | undefined {
    return this.#gate.trouble;
  }

  /** Number of the last change in Redis that this store knows of. */
  get version(): number {
    return this.#follower.version;
  }

  async putOrigin(origin: Origin, ttl: number): Promise<void> {
    const isPermanent = ttl === Infinity;
    const isNew = isPermanent && !this.#permanent.has(origin.id);
    if (isPermanent) {
      this.#permanent.set(origin.id, origin);
      this.#copy.putOrigin(origin, ttl);
    } else {
      this.#permanent.delete(origin.id);
    }
    const record = { record: origin, ttl: isPermanent ? PERMANENT_TTL : ttl };
    this.#lookup.learn(origin.id);
    const answer = await this.#gate.ask(DEADLINE, (connection) => {
      return this.#remote.putOrigin(connection, record, "news");
    });
    if (answer?.value === false) {
      if (isNew && this.#permanent.delete(origin.id)) this.#copy.putOrigin(origin, 0);
      const limit = this.#options.maxOrigins;
      throw new ProxyError("overloaded", `Cannot register another origin: the limit is ${limit}`);
    }
    if (isPermanent) return;
    // During a full reading the follower's number is ahead of what it has read.
    if (answer) return this.#follower.takeOrigin(record, answer.version);
    this.#countAlone("heartbeat");
    this.#copy.putOrigin(origin, ttl);
    this.#unwritten.addOrigin(origin.id);
  }

  origin(id: string): Answer<Origin | undefined> {
    return this.#copy.origin(id) ?? this.#lookup.find(id);
  }

  origins(): readonly OriginRecord[] {
    return this.#copy.origins();
  }

  async changeOrigin(id: string, change: OriginChange): Promise<void> {
    await this.#settings.change(id, change);
  }

  async removeOrigin(id: string): Promise<void> {
    await this.#settings.change(id, "forget");
    const origin = this.#copy.origin(id);
    if (origin !== undefined) await this.putOrigin(origin, 1);
  }

  stream(stream: string): FoundStream | undefined {
    const found = this.#copy.stream(stream);
    if (!found || !this.#givenUp.has(stream)) return found;
    if (found.left < STILL_FRESH) return undefined;
    this.#givenUp.take(stream);
    return found;
  }

  async claimStream(claim: StreamClaim): Promise<StreamRecord> {
    const givenUp = this.#givenUp.take(claim.stream);
    if (givenUp) this.#forget(givenUp);
    return await this.#calls.decide(claim.wait, toClaim("claim", claim, [])) ??
      this.#claimAlone(claim);
  }

  async moveStream(move: StreamMove): Promise<StreamRecord> {
    return await this.#calls.decide(move.wait, toClaim("move", move, [move.from])) ??
      this.#moveAlone(move);
  }

  async publishStream(lease: StreamLease, wait: number): Promise<StreamRecord> {
    const said = await this.#calls.decide(wait, toLease("publish", lease));
    if (said) return said;
    this.#countAlone("publish");
    const record = this.#copy.publishStream(lease);
    if (record.origin === lease.origin) this.#unwritten.addStream(lease.stream);
    return record;
  }

  async renewStreams(leases: readonly StreamLease[]): Promise<readonly StreamLease[]> {
    const isDivided = await Promise.all(leases.map((lease) => this.#renew(lease)));
    return leases.filter((_, at) => isDivided[at]);
  }

  /** @returns whether a publisher runs where the stream is not */
  async #renew(lease: StreamLease): Promise<boolean> {
    const { stream, origin, live } = lease;
    const result = await this.#calls.submit(BACKGROUND_DEADLINE, toLease("renew", lease));
    if (result?.outcome === "holds") {
      return live === "runs" && result.mapping.record.origin !== origin;
    }
    if (result) return false;
    const [divided] = this.#copy.renewStreams([lease]);
    if (this.#copy.stream(stream)?.record.origin === origin) {
      this.#unwritten.addStream(stream, { ended: live === "ended" ? lease.claimant : undefined });
    }
    return divided !== undefined;
  }

  forgetStream(forgotten: ForgottenStream): Answer<void> {
    if (this.#gate.isOpen) {
      if (forgotten.isUrgent) return this.#forget(forgotten);
      this.#givenUp.add(forgotten, this.#now());
      return;
    }
    this.#copy.forgetStream(forgotten);
    if (!this.#copy.stream(forgotten.stream)) this.#unwritten.dropStream(forgotten.stream);
  }

  async suspectOrigin(id: string): Promise<void> {
    await this.#tell({ kind: "suspect", origin: id });
  }

  async endStream(stream: string): Promise<void> {
    await this.#tell({ kind: "end_stream", stream });
  }

  async putSession(session: RtcSession, ttl: number): Promise<void> {
    await this.#sessions.put(session, ttl);
  }

  async session(user: string): Promise<RtcSession | undefined> {
    return await this.#sessions.find(user);
  }

  async endSession(user: string): Promise<void> {
    await this.#sessions.end(user);
  }

  streams(page: StreamPageRequest): StreamRecordPage {
    return this.#copy.streams(page);
  }

  async sweep(): Promise<StoreSize> {
    const now = this.#now();
    this.#sessions.sweep();
    this.#lookup.sweep();
    await this.fleet.exchange();
    await this.#settings.read();
    await Promise.all(Array.from(this.#permanent.values(), async (record) => {
      await this.#gate.ask(BACKGROUND_DEADLINE, (connection) => {
        return this.#remote.putOrigin(connection, { record, ttl: PERMANENT_TTL }, "news");
      });
    }));
    return this.#table.sweep(now);
  }

  /** Writes now what would be written later, if Redis can be asked. @throws Error if it cannot */
  async flush(): Promise<void> {
    await Promise.all(this.#givenUp.takeDue(Infinity).map((forgotten) => this.#forget(forgotten)));
    const { connection } = this.#link;
    if (connection && this.#gate.isOpen) await this.#upkeep.settle(connection);
  }

  /** Writes what is still to be written, if that does not take long, and closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer[Symbol.dispose]();
    await within(this.#clock, LAST_WRITES, this.flush(), () => {}).catch(() => {});
    await this.#link[Symbol.asyncDispose]();
    await this.#upkeep.idle();
    this.#table.clear();
  }

  #claimAlone(claim: StreamClaim): StreamRecord {
    this.#countAlone("claim");
    const before = this.#copy.stream(claim.stream)?.record;
    const record = this.#copy.claimStream(this.#chooseAlone(claim));
    if (record !== before) this.#unwritten.addStream(claim.stream);
    return record;
  }

  #moveAlone(move: StreamMove): StreamRecord {
    this.#countAlone("move");
    const before = this.#copy.stream(move.stream)?.record;
    const record = this.#copy.moveStream({ ...this.#chooseAlone(move), from: move.from });
    if (record !== before) this.#unwritten.addStream(move.stream, { from: move.from });
    return record;
  }

  #chooseAlone(claim: StreamClaim): StreamClaim {
    return chosenAlone(claim, (id) => this.#table.wasThereBefore(id) || this.#permanent.has(id));
  }

  /** A mapping that Redis does not forget now expires by itself. */
  async #forget(forgotten: ForgottenStream): Promise<void> {
    await this.#calls.submit(BACKGROUND_DEADLINE, toForget(forgotten));
  }

  async #tell(word: Word): Promise<void> {
    await this.#gate.ask(BACKGROUND_DEADLINE, (connection) => this.#remote.tell(connection, word));
  }

  #heard(word: Word): void {
    if (word.kind === "suspect") this.onSuspect(word.origin);
    else if (word.kind === "end_stream") this.onEndStream(word.stream);
    else this.#settings.read();
  }

  #tick(): void {
    for (const forgotten of this.#givenUp.takeDue(this.#now())) this.#forget(forgotten);
    const { connection } = this.#link;
    if (connection) this.#upkeep.tick(connection);
  }

  #countAlone(kind: "heartbeat" | "claim" | "move" | "publish"): void {
    this.#options.metrics.count("srs_proxy_redis_local_decisions_total", { kind });
  }
}
