// The state of origins: set aside, probed, down, restarted or expired, and what that means for the sessions
// of this process. Knows no mappings; what happens to streams follows from their sessions.

import { CoarseClock } from "../core/coarse_clock.ts";
import type { Clock } from "../core/clock.ts";
import { logger } from "../core/log.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type { Metrics } from "../core/contracts.ts";
import { HealthWatch } from "./health_watch.ts";
import { Health, type OriginDoor } from "./health.ts";
import type { HeldStreams } from "./held_streams.ts";
import { OriginWatch } from "./origin_watch.ts";
import { type Probe, Prober } from "./prober.ts";
import { RunningSessions, type SessionControl } from "./running_sessions.ts";
import type { OriginRecord, Store } from "./store.ts";

export interface OriginCareOptions {
  readonly store: Store;
  readonly metrics: Metrics;
  readonly held: HeldStreams;
  readonly control: SessionControl;
  readonly clock: Clock;
  readonly now: () => number;
  readonly random: () => number;
  /** Whether an origin answers; absent = origins are not probed. */
  readonly probe: ((origin: Origin) => Promise<boolean>) | undefined;
  /** How all origins are watched; absent = only suspects are probed. */
  readonly watch: HealthCheck | undefined;
  /** Tells the other proxies that an origin does not answer. */
  tellOthers(origin: string): void;
}

/** Checks all origins, whether anybody dials them or not. */
export interface HealthCheck {
  /** Milliseconds between two probes of an origin; 0 = only suspects are probed. */
  interval(): number;
  /** Whether the sessions of an origin that is down are ended. */
  endsSessions(): boolean;
  /** Whether an origin answers, found out cheaply. */
  check(origin: Origin): Promise<boolean>;
}

/** Milliseconds between two probes of a suspect, unless an interval is configured. */
const PERIOD = 2_000;
const LOG = logger("registry");
/** Probes due within this many milliseconds start together, so that the process wakes up less often. */
const PROBE_GRAIN = 50;
const MAX_HEALTH_ENTRIES = 10_000;

export class OriginCare implements Disposable {
  readonly #options: OriginCareOptions;
  readonly #health: Health;
  readonly #prober: Prober;
  readonly #sessions: RunningSessions;
  readonly #watch: OriginWatch;
  readonly #healthWatch: HealthWatch | undefined;
  /** Origins without heartbeats that still have sessions, as last registered. */
  readonly #expired = new Map<string, Origin>();

  constructor(options: OriginCareOptions) {
    const { random, control, held } = options;
    this.#options = options;
    this.#health = new Health({ capacity: MAX_HEALTH_ENTRIES, random });
    this.#sessions = new RunningSessions(control, held);
    this.#prober = this.#openProber();
    this.#watch = new OriginWatch({
      onRestart: (origin) => this.#forgive(origin),
      onExpiry: (origin) => this.#expire(origin),
    });
    this.#healthWatch = options.watch && this.#openHealthWatch(options.watch);
    options.store.onSuspect = (origin) => this.#suspect(origin, false);
  }

  /** Number of origins that are down. */
  get down(): number {
    return this.#prober.down;
  }

  /** A dial or a handshake of our own has failed. */
  unreachable(origin: string, protocol: Protocol): void {
    this.#options.store.changes.originsChanged();
    const pause = this.#health.unreachable({ origin, protocol }, this.#options.now());
    this.#suspect(origin, true);
    if (pause === 0) return;
    this.#options.metrics.count("srs_proxy_origins_set_aside_total", { protocol });
    LOG.warn("Origin set aside", { origin, protocol, pauseMs: Math.round(pause) });
  }

  reached(origin: string, protocol: Protocol): void {
    if (!this.#health.reached({ origin, protocol }, this.#options.now())) return;
    LOG.info("Origin answers again", { origin, protocol });
  }

  /** A request goes to the origin now. */
  used(origin: string, protocol: Protocol): void {
    this.#health.used({ origin, protocol }, this.#options.now());
  }

  /**
   * A viewer was led there by an earlier answer. If something has happened to the origin since, it applies
   * to this viewer too.
   */
  joined(session: string, { origin, protocol }: OriginDoor): void {
    this.used(origin, protocol);
    const isRegistered = this.#options.store.originTimeLeft(origin) !== undefined;
    const isGone = !isRegistered && !this.#watch.knows(origin) && !this.#expired.has(origin);
    if (isGone || this.isDown(origin)) this.#options.control.end(session, "origin_down");
  }

  /** Whether the origin has no failures, in any respect. */
  isWell(origin: string, protocol: Protocol): boolean {
    return !this.isDown(origin) && this.setAsideFor(origin, protocol) === 0;
  }

  isDown(origin: string): boolean {
    return this.#prober.isDown(origin);
  }

  setAsideFor(origin: string, protocol: Protocol): number {
    return this.#health.setAsideFor({ origin, protocol }, this.#options.now());
  }

  pausesOf(origin: string): Partial<Record<Protocol, number>> {
    return this.#health.pausesOf(origin, this.#options.now());
  }

  failuresOf(origin: string): Partial<Record<Protocol, number>> {
    return this.#health.failuresOf(origin, this.#options.now());
  }

  endStream(stream: string): number {
    return this.#sessions.endStream(stream);
  }

  /** Origins without heartbeats that still have sessions here. */
  allExpired(): readonly Origin[] {
    return [...this.#expired.values()];
  }

  /** An origin without heartbeats that still has sessions here: its streams may still run. */
  expired(id: string): Origin | undefined {
    return this.#expired.get(id);
  }

  /** Adds one registered origin. */
  seen(origin: Origin): void {
    this.#expired.delete(origin.id);
    this.#watch.seen(origin);
    this.#healthWatch?.seen(origin);
  }

  /** These are all registered origins. Ends viewers that wait where their stream is not. */
  async update(origins: readonly OriginRecord[]): Promise<void> {
    const { store, metrics, held, now } = this.#options;
    for (const { origin } of origins) this.#expired.delete(origin.id);
    this.#watch.update(origins);
    this.#healthWatch?.update(origins);
    for (const id of this.#expired.keys()) {
      if (held.sessionsAt(id).length > 0) continue;
      this.#expired.delete(id);
      this.#prober.forget(id);
    }
    this.#health.sweep(now());
    const strays = await this.#sessions.endStrays(store);
    metrics.count("srs_proxy_registry_strays_total", {}, strays);
  }

  [Symbol.dispose](): void {
    this.#healthWatch?.[Symbol.dispose]();
    this.#prober[Symbol.dispose]();
  }

  #openHealthWatch({ interval, check }: HealthCheck): HealthWatch {
    const { random, store, metrics } = this.#options;
    const clock = new CoarseClock(this.#options.clock, PROBE_GRAIN);
    return new HealthWatch({
      ...{ clock, random, interval, probe: check },
      isOurs: (id) => store.fleet.isOurs(id),
      isSuspected: (id) => this.#prober.isSuspected(id),
      onProbed: (id, answers) => {
        const result = answers ? "answered" : "missed";
        metrics.count("srs_proxy_health_probes_total", { result });
        if (!answers) this.#suspect(id, true, 1);
      },
    });
  }

  /** A suspect is probed twice in an interval. */
  #period(): number {
    return (this.#options.watch?.interval() ?? 0) / 2 || PERIOD;
  }

  #openProber(): Prober {
    const { clock, store, metrics, now } = this.#options;
    return new Prober({
      clock,
      period: () => this.#period(),
      openProbe: (id) => this.#openProbe(id),
      origin: async (id) => await store.origin(id) ?? this.#expired.get(id),
      // Repeated, since a single message may be lost with its connection.
      onMiss: (origin) => this.#options.tellOthers(origin),
      onDown: (origin) => {
        store.changes.originsChanged();
        const isEnding = this.#options.watch?.endsSessions() ?? true;
        const sessions = isEnding ? this.#sessions.endAt(origin) : 0;
        metrics.count("srs_proxy_origins_down_total");
        LOG.warn("Origin is down", { origin, sessions });
      },
      onUp: (origin) => {
        this.#health.forgive(origin, now());
        LOG.info("Origin is up again", { origin });
      },
    });
  }

  /** An origin that still sends data is alive, even if it takes no new connections. */
  #openProbe(id: string): Probe {
    const { probe } = this.#options;
    let hasSent: (() => Promise<boolean>) | undefined;
    return async (origin) => {
      hasSent ??= await this.#sessions.listenTo(id);
      const answers = probe === undefined || await probe(origin);
      return await hasSent() || answers;
    };
  }

  /** @param isOwn whether this process has found out itself */
  #suspect(origin: string, isOwn: boolean, misses = 0): void {
    if (isOwn && !this.#prober.isSuspected(origin)) this.#options.tellOthers(origin);
    this.#prober.suspect(origin, isOwn, misses);
  }

  /** The origin has restarted. */
  #forgive(origin: string): void {
    this.#health.forgive(origin, this.#options.now());
    this.#prober.forget(origin);
  }

  /** Nothing new goes there; running sessions continue unless it stops answering probes too. */
  #expire(origin: Origin): void {
    const { id } = origin;
    if (this.#options.held.sessionsAt(id).length === 0) return this.#forgive(id);
    this.#expired.set(id, origin);
    this.#suspect(id, true);
  }
}
