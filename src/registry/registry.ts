// Finds the origin of a stream and keeps it the owner while the stream is used: picks, moves,
// leases. Records live in a store, choices are made by the picker, bookkeeping is elsewhere; here
// is the order in which things happen. Knows no protocol, no socket and no HTTP.

import { ProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import type { Directory, OriginStatus, PageRequest, StreamPage } from "../core/directory.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type {
  Metrics,
  PartLocator,
  PartRequest,
  Resolver,
  RtcSession,
  RtcSessions,
  StreamRequest,
  Timings,
} from "../core/ports.ts";
import { BackgroundWrites } from "./background_writes.ts";
import { Health } from "./health.ts";
import { HeldStreams } from "./held_streams.ts";
import { OriginWatch } from "./origin_watch.ts";
import { PartFinder } from "./part_finder.ts";
import { candidatesFor, pickFewest } from "./picker.ts";
import { noOriginFor, originOutOfReach } from "./refusals.ts";
import type { OriginRecord, Store, StreamClaim, StreamRecord } from "./store.ts";

/** What can change while a registry runs; times are milliseconds. */
export interface RegistrySettings {
  /** Life of an origin after its last heartbeat. */
  readonly originTtl: number;
  /** Origins that need no heartbeat: the default one, if any. */
  readonly permanent?: readonly Origin[];
}

/** What a registry needs; times are milliseconds. */
export interface RegistryOptions extends RegistrySettings {
  /** Not disposed of by the registry, so that several can share one. */
  readonly store: Store;
  readonly metrics: Metrics;
  /** Told how long requests have waited for the store; nobody unless given. */
  readonly timings?: Timings;
  /** Picks the origin of a new stream; the less loaded of two drawn at random unless given. */
  readonly pick?: Pick;
  /** Life of a mapping after its last use; less than a second counts as one. */
  readonly streamIdle: number;
  /** Never goes backwards; the process's own clock unless given. */
  readonly now?: () => number;
  /** Numbers from 0 up to but not including 1. */
  readonly random?: () => number;
  /** Calls back every so many milliseconds until disposed of; `setInterval` unless given. */
  readonly every?: (period: number, callback: () => Promise<void>) => Disposable;
}

/** Picks one of the origins that would do for a stream; undefined when there are none. */
export type Pick = (
  stream: string,
  candidates: readonly OriginRecord[],
) => OriginRecord | undefined;

const LOG = logger("registry");
const LONGEST_TENTATIVE = 15_000;
const LONGEST_PERIOD = 5_000;
const SHORTEST_IDLE = 1_000;
const LEASE_BATCH = 500;
// Each round is lost only to another request that has just moved the same stream.
const MAX_ROUNDS = 8;
const MAX_HEALTH_ENTRIES = 10_000;
/** So long one request may wait for the agreement of other proxies. */
const LONGEST_WAIT = 130;

/** Why a stream cannot stay where it is, in the words of the metrics. */
type MoveReason = "failed" | "set_aside" | "gone" | "not_offered";

/** An origin that was picked, and those that were not. */
interface Choice {
  readonly stream: string;
  readonly origin: Origin;
  readonly candidates: readonly OriginRecord[];
}

/** A request on its way through the registry. */
interface Search {
  readonly request: StreamRequest;
  /** When it cannot wait for other proxies any more. */
  readonly patientUntil: number;
}

/** The origin that a stream leaves, and why. */
interface Leaving {
  readonly from: string;
  readonly reason: MoveReason;
}

interface Placement {
  readonly origin: Origin;
  readonly record: StreamRecord;
}

/** The registry of one process. */
export class Registry implements Resolver, PartLocator, RtcSessions, Directory, AsyncDisposable {
  readonly #store: Store;
  readonly #metrics: Metrics;
  #originTtl: number;
  #permanent: readonly Origin[];
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #pick: Pick;
  readonly #timings: Timings;
  readonly #claimant = crypto.randomUUID();
  readonly #tentativeTtl: number;
  readonly #held: HeldStreams;
  readonly #health: Health;
  readonly #watch: OriginWatch;
  readonly #parts: PartFinder;
  readonly #writes: BackgroundWrites;
  readonly #timer: Disposable;
  #round: Promise<void> | undefined;

  /** Registers the permanent origins and starts the timer that renews leases. */
  static async open(options: RegistryOptions): Promise<Registry> {
    for (const origin of options.permanent ?? []) await options.store.putOrigin(origin, Infinity);
    const registry = new Registry(options);
    await registry.#upkeep();
    return registry;
  }

  private constructor(options: RegistryOptions) {
    const idleTtl = Math.max(SHORTEST_IDLE, options.streamIdle);
    this.#store = options.store;
    this.#metrics = options.metrics;
    this.#originTtl = options.originTtl;
    this.#permanent = options.permanent ?? [];
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.#pick = options.pick ?? ((_, candidates) => pickFewest(candidates, this.#random));
    this.#timings = options.timings ?? { observe: () => {} };
    this.#parts = new PartFinder(this.#store, this.#now);
    this.#writes = new BackgroundWrites(this.#metrics);
    this.#tentativeTtl = Math.min(LONGEST_TENTATIVE, idleTtl);
    this.#held = new HeldStreams({
      claimant: this.#claimant,
      tentativeTtl: this.#tentativeTtl,
      idleTtl,
      writer: {
        renew: (lease) => this.#writes.add(() => this.#store.renewStreams([lease])),
        forget: (stream, origin) => {
          const forgotten = { stream, origin, claimant: this.#claimant };
          this.#writes.add(() => this.#store.forgetStream(forgotten));
        },
      },
    });
    this.#health = new Health({ capacity: MAX_HEALTH_ENTRIES, random: this.#random });
    this.#watch = new OriginWatch((origin) => this.#health.forgive(origin, this.#now()));
    // Three chances to renew before anything that is in use could lapse.
    const period = Math.min(LONGEST_PERIOD, Math.floor(this.#tentativeTtl / 3));
    this.#timer = (options.every ?? everyPeriod)(period, () => this.#upkeep());
  }

  /** Why requests are answered without the other proxies' agreement; undefined when all is well. */
  get trouble(): string | undefined {
    return this.#store.trouble;
  }

  /**
   * Takes over other origins that need no heartbeat, and another life for those that do.
   *
   * @throws ProxyError `overloaded` when there is no room for such an origin; nothing has changed then
   */
  async configure({ originTtl, permanent = [] }: RegistrySettings): Promise<void> {
    for (const origin of permanent) await this.#store.putOrigin(origin, Infinity);
    const gone = this.#permanent.filter((old) => !permanent.some(({ id }) => id === old.id));
    this.#originTtl = originTtl;
    this.#permanent = permanent;
    for (const origin of gone) await this.#store.putOrigin(origin, 1);
    await this.#upkeep();
  }

  resolve(request: StreamRequest): Promise<Origin> {
    return this.#timed("resolve", () => this.#resolve(request));
  }

  async #resolve(request: StreamRequest): Promise<Origin> {
    this.#held.begin(request.session, request.stream);
    const patientUntil = this.#now() + LONGEST_WAIT;
    try {
      const { origin, record } = await this.#locate({ request, patientUntil });
      this.#held.place(request.session, record);
      this.#health.used({ origin: origin.id, protocol: request.protocol }, this.#now());
      return origin;
    } catch (error) {
      this.#held.end(request.session);
      throw error;
    } finally {
      this.#held.finish(request.stream);
    }
  }

  locate(request: PartRequest): Promise<Origin> {
    return this.#timed("locate", () => this.#parts.find(request));
  }

  async putSession(session: RtcSession, ttl: number): Promise<void> {
    await this.#timed("session", async () => await this.#store.putSession(session, ttl));
  }

  session(user: string): Promise<RtcSession | undefined> {
    return this.#timed("session", async () => await this.#store.session(user));
  }

  async endSession(user: string): Promise<void> {
    await this.#timed("session", async () => await this.#store.endSession(user));
  }

  confirm(session: string): void {
    this.#held.confirm(session);
  }

  release(session: string): void {
    this.#held.end(session);
  }

  unreachable(origin: string, protocol: Protocol): void {
    const pause = this.#health.unreachable({ origin, protocol }, this.#now());
    if (pause === 0) return;
    this.#metrics.count("srs_proxy_origins_set_aside_total", { protocol });
    LOG.warn("Origin set aside", { origin, protocol, pauseMs: Math.round(pause) });
  }

  reached(origin: string, protocol: Protocol): void {
    if (!this.#health.reached({ origin, protocol }, this.#now())) return;
    LOG.info("Origin answers again", { origin, protocol });
  }

  async register(origin: Origin): Promise<void> {
    if (this.#permanent.some(({ id }) => id === origin.id)) {
      throw new ProxyError("bad_request", `Cannot register server: ${origin.id} is a reserved id`);
    }
    await this.#timed("register", async () => {
      await this.#store.putOrigin(origin, this.#originTtl);
    });
    this.#watch.seen(origin);
    this.#parts.add(origin.id);
  }

  async origins(): Promise<readonly OriginStatus[]> {
    const now = this.#now();
    return (await this.#store.origins()).map((record) => ({
      ...record,
      setAsideFor: this.#health.pausesOf(record.origin.id, now),
    }));
  }

  async streams(page: PageRequest): Promise<StreamPage> {
    const { streams, next } = await this.#store.streams(page);
    return {
      streams: streams.map(({ stream, origin, confirmed }) => ({ stream, origin, confirmed })),
      next,
    };
  }

  /** Stops the timer and waits for what is still being written. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer[Symbol.dispose]();
    await this.#round;
    await this.#writes.idle();
  }

  async #locate(search: Search): Promise<Placement> {
    const { request } = search;
    const { stream } = request;
    let record = await this.#store.stream(stream);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const owner = record && await this.#store.origin(record.origin);
      const reason = record && this.#reasonToMove(request, record, owner);
      if (record && owner && reason === undefined) {
        if (this.#mayRelyOn(record)) return { origin: owner, record };
        record = await this.#claim(search, { stream, origin: owner, candidates: [] });
        continue;
      }
      const choice = await this.#choose(request);
      if (!record) {
        record = await this.#claim(search, choice);
      } else if (record.origin === choice.origin.id) {
        // All are set aside, and its own origin is the best of them.
        return { origin: choice.origin, record };
      } else {
        record = await this.#move(search, choice, {
          from: record.origin,
          reason: reason ?? "gone",
        });
      }
    }
    throw new ProxyError("registry_unavailable", "Cannot agree on an origin for this stream");
  }

  #reasonToMove(
    request: StreamRequest,
    record: StreamRecord,
    owner: Origin | undefined,
  ): MoveReason | undefined {
    if (!owner) return "gone";
    const { protocol } = request;
    const runs = this.#held.isRunning(record.stream, owner.id);
    if (request.failed.includes(owner.id)) {
      // A publisher takes the stream along; a viewer would only leave it behind.
      if (runs && request.intent === "play") throw originOutOfReach();
      return "failed";
    }
    if (owner.endpoints[protocol].length === 0) {
      // Moving it would take a running stream from all who can be served.
      if (record.confirmed) throw noOriginFor(request);
      return "not_offered";
    }
    const setAside = this.#health.setAsideFor({ origin: owner.id, protocol }, this.#now()) > 0;
    // While the stream runs there, one failed dial of another session proves nothing against it.
    return setAside && !runs ? "set_aside" : undefined;
  }

  /** Whether nobody else can forget the mapping while our session uses it. */
  #mayRelyOn(record: StreamRecord): boolean {
    return record.confirmed || record.claimant === "" || record.claimant === this.#claimant;
  }

  async #choose(request: StreamRequest): Promise<Choice> {
    const origins = await this.#store.origins();
    const now = this.#now();
    const { protocol } = request;
    const setAsideFor = (origin: string) => this.#health.setAsideFor({ origin, protocol }, now);
    const candidates = candidatesFor({ origins, setAsideFor }, request);
    const picked = this.#pick(request.stream, candidates);
    if (!picked) throw noOriginFor(request, origins.length);
    return { stream: request.stream, origin: picked.origin, candidates };
  }

  async #claim(search: Search, choice: Choice): Promise<StreamRecord> {
    const winner = await this.#store.claimStream(this.#claimOf(search, choice));
    if (winner.claimant === this.#claimant) this.#metrics.count("srs_proxy_registry_picks_total");
    return winner;
  }

  async #move(search: Search, choice: Choice, { from, reason }: Leaving): Promise<StreamRecord> {
    const { stream } = choice;
    const winner = await this.#store.moveStream({ ...this.#claimOf(search, choice), from });
    if (winner.claimant === this.#claimant && winner.origin !== from) {
      this.#metrics.count("srs_proxy_registry_moves_total", { reason });
      LOG.info("Stream moved", { stream, from, origin: winner.origin, reason });
    }
    return winner;
  }

  #claimOf({ patientUntil }: Search, { stream, origin, candidates }: Choice): StreamClaim {
    const ttl = this.#tentativeTtl;
    const wait = patientUntil - this.#now();
    return { stream, origin: origin.id, claimant: this.#claimant, ttl, candidates, wait };
  }

  async #timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const startedAt = this.#now();
    try {
      return await work();
    } finally {
      const seconds = (this.#now() - startedAt) / 1000;
      this.#timings.observe("srs_proxy_registry_wait_seconds", seconds, { operation });
    }
  }

  #upkeep(): Promise<void> {
    this.#round ??= this.#doUpkeep().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #doUpkeep(): Promise<void> {
    try {
      for (const batch of this.#held.leases(LEASE_BATCH)) await this.#store.renewStreams(batch);
      const size = await this.#store.sweep();
      const origins = await this.#store.origins();
      this.#watch.update(origins);
      this.#parts.update(origins);
      this.#health.sweep(this.#now());
      this.#metrics.gauge("srs_proxy_origins", size.origins);
      this.#metrics.gauge("srs_proxy_streams", size.streams);
    } catch (error) {
      this.#metrics.count("srs_proxy_registry_errors_total");
      LOG.error("Registry upkeep failed", { error });
    }
  }
}

function everyPeriod(period: number, callback: () => Promise<void>): Disposable {
  const timer = setInterval(callback, period);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
