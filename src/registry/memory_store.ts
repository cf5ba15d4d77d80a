// The store of a proxy that works alone: bounded maps without a timer. Expired records are no longer
// visible and are removed by the next sweep. No method waits, so each is atomic.

import { systemClock } from "../core/clock.ts";
import type { ChangeCounts } from "../core/change_counts.ts";
import { ProxyError } from "../core/errors.ts";
import type { StreamPageRequest } from "../core/registrar.ts";
import type { Origin, OriginChange } from "../core/origin.ts";
import type { RtcSession } from "../core/contracts.ts";
import { claimed, isForgotten, moved, published, renewed } from "./mapping_rules.ts";
import { changedSettings } from "./origin_settings.ts";
import { RecordTable } from "./record_table.ts";
import { SessionTable } from "./session_table.ts";
import type {
  Fleet,
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
} from "./store.ts";

export interface MemoryStoreOptions {
  readonly maxOrigins: number;
  readonly maxStreams: number;
  /** Limit on WebRTC sessions; 100,000 by default. */
  readonly maxSessions?: number;
  /** Milliseconds since any moment, never going backwards; the process's own clock by default. */
  readonly now?: () => number;
  /** Where origins and streams are kept; a new table by default. */
  readonly table?: RecordTable;
  /** The clock of mappings' epochs: milliseconds since 1970; `now` by default. */
  readonly time?: () => number;
}

const DEFAULT_MAX_SESSIONS = 100_000;

export class MemoryStore implements Store {
  readonly trouble = undefined;
  readonly fleet: Fleet = {
    others: [],
    isOurs: () => true,
    announce: () => {},
    tellSessions: () => {},
    otherSessions: () => [],
  };
  onSuspect: (origin: string) => void = () => {};
  onLiveEnd: (stream: string) => void = () => {};
  onEndStream: (stream: string) => void = () => {};
  readonly #options: MemoryStoreOptions;
  readonly #now: () => number;
  readonly #time: () => number;
  readonly #table: RecordTable;
  readonly #sessions: SessionTable;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
    this.#now = options.now ?? systemClock.now;
    this.#time = options.time ?? (() => Math.round(this.#now()));
    this.#table = options.table ?? new RecordTable(options);
    this.#sessions = new SessionTable(options.maxSessions ?? DEFAULT_MAX_SESSIONS);
  }

  get changes(): ChangeCounts {
    return this.#table.changes;
  }

  suspectOrigin(): void {}

  endStream(): void {}

  putOrigin(origin: Origin, ttl: number): void {
    const now = this.#now();
    if (this.#table.putOrigin(origin, { expires: now + ttl }, now)) return;
    const limit = this.#options.maxOrigins;
    throw new ProxyError("overloaded", `Cannot register another origin: the limit is ${limit}`);
  }

  origin(id: string): Origin | undefined {
    return this.#table.origin(id, this.#now());
  }

  originTimeLeft(id: string): number | undefined {
    return this.#table.originTimeLeft(id, this.#now());
  }

  origins(): readonly OriginRecord[] {
    return this.#table.origins(this.#now());
  }

  changeOrigin(id: string, change: OriginChange): void {
    const { settings } = this.#table;
    if (settings.put(id, changedSettings(settings.of(id), change), this.#now())) return;
    throw new ProxyError("overloaded", "Cannot decide about another origin: there are too many");
  }

  removeOrigin(id: string): void {
    this.#table.settings.put(id, undefined, this.#now());
    this.#table.removeOrigin(id);
  }

  stream(stream: string): FoundStream | undefined {
    return this.#table.stream(stream, this.#now());
  }

  claimStream(claim: StreamClaim): StreamRecord {
    const found = this.stream(claim.stream);
    const record = claimed(found?.record, claim, this.#time());
    if (found && record === found.record && found.left >= claim.ttl) return record;
    if (!found && claim.publishes) this.#makeRoom();
    this.#require(this.#write(record, this.#longer(claim)));
    return record;
  }

  moveStream(move: StreamMove): StreamRecord {
    const found = this.stream(move.stream)?.record;
    const record = moved(found, move, this.#time());
    if (record === found) return record;
    if (!found && move.publishes) this.#makeRoom();
    // The lifetime of the old mapping does not carry over to the new one.
    this.#require(this.#write(record, this.#now() + move.ttl));
    return record;
  }

  publishStream(lease: StreamLease): StreamRecord {
    const record = published(this.stream(lease.stream)?.record, lease);
    if (record.origin === lease.origin) this.#require(this.#renew(record, lease));
    return record;
  }

  renewStreams(leases: readonly StreamLease[]): readonly StreamLease[] {
    return leases.filter((lease) => {
      const record = renewed(this.#foundBy(lease), lease);
      // There may be no room: the stream then continues, and its next request picks an origin afresh.
      if (record) this.#renew(record, lease);
      return record === undefined && lease.live === "runs";
    });
  }

  forgetStream(forgotten: ForgottenStream): void {
    const found = this.stream(forgotten.stream)?.record;
    if (found && isForgotten(found, forgotten)) this.#table.removeStream(forgotten.stream);
  }

  putSession(session: RtcSession, ttl: number): void {
    if (this.#sessions.put(session, ttl, this.#now())) return;
    const size = this.#sessions.size;
    throw new ProxyError("overloaded", `Cannot serve another session: the limit is ${size}`);
  }

  session(user: string): RtcSession | undefined {
    return this.#sessions.get(user, this.#now());
  }

  endSession(user: string): void {
    this.#sessions.delete(user);
  }

  streams(page: StreamPageRequest): StreamRecordPage {
    return this.#table.page(page, this.#now());
  }

  sweep(): StoreSize {
    const now = this.#now();
    this.#sessions.expire(now);
    return this.#table.sweep(now);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#table.clear();
    this.#sessions.clear();
    return Promise.resolve();
  }

  /** What was found, without a publisher whose lease was not renewed in time. */
  #foundBy({ stream, live, liveTtl }: StreamLease): StreamRecord | undefined {
    const record = this.stream(stream)?.record;
    const isLate = this.#table.liveTimeLeft(stream, this.#now()) < liveTtl / 2;
    return record && live === "runs" && isLate ? { ...record, publisher: "" } : record;
  }

  /** When a mapping with this lease expires: `ttl` from now, but no earlier than before. */
  #longer({ stream, ttl }: { readonly stream: string; readonly ttl: number }): number {
    const now = this.#now();
    return now + Math.max(ttl, this.#table.stream(stream, now)?.left ?? 0);
  }

  #write(record: StreamRecord, expires: number): boolean {
    const now = this.#now();
    const liveExpires = now + this.#table.liveTimeLeft(record.stream, now);
    return this.#table.putStream(record, { expires, liveExpires }, now);
  }

  #renew(record: StreamRecord, lease: StreamLease): boolean {
    const now = this.#now();
    const prolongs = lease.live === "runs" && record.publisher === lease.claimant;
    const liveLeft = this.#table.liveTimeLeft(record.stream, now);
    const liveExpires = now + (prolongs ? Math.max(liveLeft, lease.liveTtl) : liveLeft);
    const expires = this.#longer(lease);
    return this.#table.putStream(record, { expires, liveExpires }, now);
  }

  /** Removes a mapping made for viewers to make room for a publisher. */
  #makeRoom(): void {
    if (!this.#table.hasStreamRoom(this.#now())) this.#table.makeRoom();
  }

  #require(hasRoom: boolean): void {
    if (hasRoom) return;
    const limit = this.#options.maxStreams;
    throw new ProxyError("overloaded", `Cannot serve another stream: the limit is ${limit}`);
  }
}
