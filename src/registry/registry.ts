// The registry of one process: finds the origin of a stream and keeps it the owner while the stream is in
// use. Combines its parts: placement, bookkeeping of sessions, leases, the health of origins. Knows no
// protocol, no socket and no HTTP.

import { type Clock, systemClock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import type { OriginStatus, Registrar, StreamPage, StreamPageRequest } from "../core/registrar.ts";
import type { ProxyPlace } from "../core/fleet.ts";
import type { LabelValue } from "../core/metric_table.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type { ChangeCounts } from "../core/change_counts.ts";
import { labelFor, type PlacementRule } from "../core/placement_rule.ts";
import type {
  JoiningViewer,
  Metrics,
  PartRequest,
  RtcSession,
  RtcSessions,
  StandingAnswer,
  StandingRegistry,
  StreamOwner,
  StreamPlace,
  StreamRequest,
} from "../core/contracts.ts";
import type { Vhosts } from "../core/vhosts.ts";
import { BackgroundWrites } from "./background_writes.ts";
import { HeldStreams } from "./held_streams.ts";
import { Operations, originStatus, streamStatus } from "./operations.ts";
import { type HealthCheck, OriginCare } from "./origin_care.ts";
import { PartFinder } from "./part_finder.ts";
import { pickFewest } from "./picker.ts";
import { type Choose, Placement } from "./placement.ts";
import { runsElsewhere } from "./refusals.ts";
import { NO_SESSIONS, type SessionControl } from "./running_sessions.ts";
import type { OriginRecord, Store, StreamLease } from "./store.ts";

/** What can change while a registry runs; times are milliseconds. */
export interface RegistrySettings {
  /** Life of an origin after its last heartbeat. */
  readonly originTtl: number;
  /** Origins that need no heartbeat: the default one, if any. */
  readonly permanent?: readonly Origin[];
  /** Which streams go only to origins with a label; none by default. */
  readonly placement?: readonly PlacementRule[];
}

export interface RegistryOptions extends RegistrySettings {
  /** The registry does not dispose of it, so that several can share one. */
  readonly store: Store;
  readonly metrics: Metrics;
  /** Picks the origin of a new stream; by default the less loaded of two drawn at random. */
  readonly pick?: Choose;
  /** Life of a mapping after its last use; at least a second. */
  readonly streamIdle: number;
  /** Hosts whose streams are their own; by default every host. */
  readonly vhosts?: Vhosts;
  /** Whether an origin answers; absent = origins are not probed. */
  readonly probe?: (origin: Origin) => Promise<boolean>;
  /** How all origins are watched; absent = only suspects are probed. */
  readonly health?: HealthCheck;
  /** The sessions of this process; none by default. */
  readonly sessions?: SessionControl;
  /** The process's own by default. */
  readonly clock?: Clock;
  /** Returns numbers from 0 up to but not including 1. */
  readonly random?: () => number;
}

const WAIT = "srs_proxy_registry_wait_seconds";
const LOG = logger("registry");
const LONGEST_UNCONFIRMED = 15_000;
const LONGEST_PERIOD = 5_000;
const SHORTEST_IDLE = 1_000;
const LEASE_BATCH = 500;
/** How long an answer stands if it depends on more than the counted changes. */
const SHORT_STANDING = 1_000;
/** How long a publisher may wait for other proxies to agree before it is accepted. */
const LONGEST_WAIT = 130;

export class Registry implements StandingRegistry, RtcSessions, Registrar, AsyncDisposable {
  readonly #store: Store;
  readonly #metrics: Metrics;
  #originTtl: number;
  #permanent: readonly Origin[];
  #rules: readonly PlacementRule[];
  readonly #now: () => number;
  readonly #claimant = crypto.randomUUID();
  readonly #vhosts: Vhosts | undefined;
  readonly #held: HeldStreams;
  readonly #placement: Placement;
  readonly #care: OriginCare;
  readonly #parts: PartFinder;
  readonly #writes: BackgroundWrites;
  /** What operators may do. */
  readonly operations: Operations;
  readonly #timer: Disposable;
  /** Streams published here although they are live elsewhere, once logged. */
  readonly #divided = new Set<string>();
  #round: Promise<void> | undefined;

  /** Registers the permanent origins and starts the timer that renews leases. */
  static async open(options: RegistryOptions): Promise<Registry> {
    for (const origin of options.permanent ?? []) await options.store.putOrigin(origin, Infinity);
    const registry = new Registry(options);
    await registry.#upkeep();
    return registry;
  }

  private constructor(options: RegistryOptions) {
    const { store, metrics, clock = systemClock, random = Math.random } = options;
    const idleTtl = Math.max(SHORTEST_IDLE, options.streamIdle);
    const unconfirmedTtl = Math.min(LONGEST_UNCONFIRMED, idleTtl);
    // Three chances to renew before anything in use could lapse.
    const period = Math.min(LONGEST_PERIOD, Math.floor(unconfirmedTtl / 3));
    this.#store = store;
    this.#metrics = metrics;
    this.#originTtl = options.originTtl;
    this.#permanent = options.permanent ?? [];
    this.#rules = options.placement ?? [];
    this.#now = () => clock.now();
    this.#vhosts = options.vhosts;
    this.#parts = new PartFinder(store, this.#now);
    this.#writes = new BackgroundWrites(metrics);
    this.#held = new HeldStreams({
      ...{ claimant: this.#claimant, unconfirmedTtl, idleTtl, liveTtl: unconfirmedTtl },
      writer: {
        renew: (lease) => this.#writes.add(() => this.#renew([lease])),
        forget: (stream, origin, isUrgent) => {
          const forgotten = { stream, origin, claimant: this.#claimant, isUrgent };
          this.#writes.add(() => store.forgetStream(forgotten));
        },
      },
    });
    this.#care = new OriginCare({
      ...{ store, metrics, clock, random, probe: options.probe, held: this.#held, now: this.#now },
      watch: options.health,
      control: options.sessions ?? NO_SESSIONS,
      tellOthers: (origin) => this.#writes.add(() => store.suspectOrigin(origin)),
    });
    this.#placement = new Placement({
      ...{ store, metrics, claimant: this.#claimant, unconfirmedTtl, now: this.#now },
      // A mapping that is relied on without a claim must last until its lease is first renewed.
      leastLeft: period + Math.min(period, 2_000),
      choose: options.pick ?? ((_, candidates) => pickFewest(candidates, random)),
      setAsideFor: (origin, protocol) => this.#care.setAsideFor(origin, protocol),
      labelFor: (stream) => labelFor(this.#rules, stream),
      isDown: (origin) => this.#care.isDown(origin),
      expired: (origin) => this.#care.expired(origin),
      isRunning: (stream, origin) => this.#held.isRunning(stream, origin),
    });
    this.operations = new Operations({
      ...{ store, care: this.#care },
      isPermanent: (id) => this.#isPermanent(id),
      placed: (stream) => this.placed(stream),
      statusOf: (record) => this.#statusOf(record),
    });
    store.onLiveEnd = (stream) => this.#assertDivided(stream);
    this.#timer = clock.every(period, () => this.#upkeep());
  }

  /** Why requests are answered without the other proxies' agreement; undefined if they agree. */
  get trouble(): string | undefined {
    return this.#store.trouble;
  }

  /**
   * Replaces the permanent origins and the settings for the others.
   *
   * @throws ProxyError `overloaded` when there is no room for such an origin; nothing has changed then
   */
  async configure(
    { originTtl, permanent = [], placement = [] }: RegistrySettings,
  ): Promise<void> {
    for (const origin of permanent) await this.#store.putOrigin(origin, Infinity);
    const gone = this.#permanent.filter((old) => !permanent.some(({ id }) => id === old.id));
    this.#originTtl = originTtl;
    this.#permanent = permanent;
    this.#rules = placement;
    for (const origin of gone) await this.#store.putOrigin(origin, 1);
    await this.#upkeep();
  }

  get changes(): ChangeCounts {
    return this.#store.changes;
  }

  async resolve(request: StreamRequest): Promise<Origin> {
    return (await this.place(request)).answer.origin;
  }

  place(request: StreamRequest): Promise<StandingAnswer<StreamPlace>> {
    const stream = this.placed(request.stream);
    return this.#timed("resolve", () => this.#place({ ...request, stream }));
  }

  async #place(request: StreamRequest): Promise<StandingAnswer<StreamPlace>> {
    const { session, stream, intent, protocol } = request;
    const stamp = this.changes.stamp(stream);
    this.#held.begin(session, stream, intent === "publish");
    try {
      const { origin, record, left } = await this.#placement.find(request);
      this.#held.place(session, record);
      this.#care.used(origin.id, protocol);
      const place = { stream, origin, epoch: record.epoch };
      // Failures are forgotten with time and do not concern all requests, so the counts do not cover them.
      const stands = left > 0 && this.#care.isWell(origin.id, protocol);
      return { answer: place, standing: stands ? { stamp, left } : undefined };
    } catch (error) {
      this.#held.end(session);
      throw error;
    } finally {
      this.#held.finish(stream);
    }
  }

  join({ session, protocol, stream, origin, epoch }: JoiningViewer): void {
    this.#held.begin(session, stream, false);
    const record = { stream, origin, epoch, confirmed: true, claimant: "", publisher: "" };
    this.#held.place(session, record);
    this.#held.finish(stream);
    this.#care.joined(session, { origin, protocol });
  }

  async locate(request: PartRequest): Promise<Origin> {
    return (await this.findPart(request)).answer;
  }

  async findPart(request: PartRequest): Promise<StandingAnswer<Origin>> {
    const stream = this.placed(request.stream);
    const stamp = this.changes.stamp(stream);
    const { originTag } = request;
    const answer = await this.#timed("locate", () => this.#parts.find({ ...request, stream }));
    // A tag that leads nowhere yet may do so in a moment.
    const isSure = originTag === undefined || this.#parts.isTagOf(originTag, answer.id);
    return { answer, standing: isSure ? { stamp, left: SHORT_STANDING } : undefined };
  }

  async owner(stream: string): Promise<StreamOwner | undefined> {
    return (await this.findOwner(stream)).answer;
  }

  async findOwner(name: string): Promise<StandingAnswer<StreamOwner | undefined>> {
    const stream = this.placed(name);
    const stamp = this.changes.stamp(stream);
    const answer = await this.#parts.owner(stream);
    return { answer, standing: { stamp, left: SHORT_STANDING } };
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

  holdStream(id: string, { stream, intent, origin }: RtcSession): Promise<void> {
    this.#held.adopt(id, { stream: this.placed(stream), origin, publishes: intent === "publish" });
    return this.confirm(id);
  }

  async confirm(session: string): Promise<void> {
    const lease = this.#held.confirm(session);
    if (lease === undefined) return;
    const { stream, origin } = lease;
    const record = await this.#timed("confirm", async () => {
      return await this.#store.publishStream(lease, LONGEST_WAIT);
    });
    if (record.origin === origin) return this.#held.published(session, record);
    this.#held.deny(session);
    LOG.info("Publisher refused: stream is live elsewhere", { stream, origin: record.origin });
    throw runsElsewhere();
  }

  release(session: string): void {
    this.#held.end(session);
  }

  unreachable(origin: string, protocol: Protocol): void {
    this.#care.unreachable(origin, protocol);
  }

  reached(origin: string, protocol: Protocol): void {
    this.#care.reached(origin, protocol);
  }

  async register(origin: Origin): Promise<void> {
    if (this.#isPermanent(origin.id)) {
      throw new ProxyError("bad_request", `Cannot register server: ${origin.id} is a reserved id`);
    }
    await this.#timed("register", async () => {
      await this.#store.putOrigin(origin, this.#originTtl);
    });
    this.#care.seen(origin);
    this.#parts.add(origin.id);
  }

  /** Where the other proxies of the fleet listen, as far as they have announced it. */
  get otherProxies(): readonly ProxyPlace[] {
    return this.#store.fleet.others;
  }

  /** Announces where this proxy listens: the others learn of it within seconds. */
  async announce(place: ProxyPlace): Promise<void> {
    this.#store.fleet.announce(place);
    await this.#upkeep();
  }

  async origins(): Promise<readonly OriginStatus[]> {
    return (await this.#store.origins()).map((record) => this.#statusOf(record));
  }

  async streams(page: StreamPageRequest): Promise<StreamPage> {
    const { streams, ...rest } = await this.#store.streams(page);
    return { streams: streams.map(streamStatus), ...rest };
  }

  /** Stops the timers and waits for writes in progress. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer[Symbol.dispose]();
    this.#care[Symbol.dispose]();
    await this.#round;
    await this.#writes.idle();
  }

  #statusOf(record: OriginRecord): OriginStatus {
    return originStatus(record, this.#care, this.#originTtl);
  }

  #isPermanent(id: string): boolean {
    return this.#permanent.some((origin) => origin.id === id);
  }

  /** The key under which a stream is mapped. */
  placed(stream: string): string {
    return this.#vhosts?.placed(stream) ?? stream;
  }

  /** A divided stream's other publisher has ended: the stream is where ours runs. */
  #assertDivided(stream: string): void {
    if (!this.#divided.has(stream)) return;
    const leases = this.#held.leasesOf(stream).filter(({ live }) => live === "runs");
    this.#writes.add(() => this.#renew(leases));
  }

  async #renew(leases: readonly StreamLease[]): Promise<void> {
    const divided = await this.#store.renewStreams(leases);
    for (const { stream } of leases) {
      if (!divided.some((lease) => lease.stream === stream)) this.#divided.delete(stream);
    }
    for (const { stream, origin } of divided) {
      if (this.#divided.has(stream)) continue;
      this.#divided.add(stream);
      this.#metrics.count("srs_proxy_registry_divided_streams_total");
      LOG.error("Stream is published at two origins", { stream, origin });
    }
  }

  async #timed<T>(
    operation: LabelValue<typeof WAIT, "operation">,
    work: () => Promise<T>,
  ): Promise<T> {
    const startedAt = this.#now();
    try {
      return await work();
    } finally {
      const seconds = (this.#now() - startedAt) / 1000;
      this.#metrics.observe(WAIT, seconds, { operation });
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
      for (const batch of this.#held.leases(LEASE_BATCH)) await this.#renew(batch);
      const size = await this.#store.sweep();
      const origins = await this.#store.origins();
      this.#parts.update(origins);
      await this.#care.update(origins);
      this.#metrics.gauge("srs_proxy_origins", size.origins);
      this.#metrics.gauge("srs_proxy_origins_down", this.#care.down);
      this.#metrics.gauge("srs_proxy_streams", size.streams);
    } catch (error) {
      this.#metrics.count("srs_proxy_registry_errors_total");
      LOG.error("Registry upkeep failed", { error });
    }
  }
}
