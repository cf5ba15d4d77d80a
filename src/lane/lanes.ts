// All lanes: as many threads as the process may use, listening on the same ports, each serving the clients
// that the kernel assigns to it. The rest of the program sees one RTMP relay and one HTTP relay. A lane that
// fails is replaced, in the same place (lane.ts has how it ends):
//
//   alive ── lane.closed rejects ──▶ failed ── lane.disconnected, then a pause ──▶ opening ──▶ alive
//                                       ▲                                             │
//                                       └───────────────── cannot open ───────────────┘

import { within } from "../core/clock.ts";
import type { Address } from "../core/address.ts";
import type { EndedBy, Heart, RelaySessions } from "../core/contracts.ts";
import { logger } from "../core/log.ts";
import type {
  ForwarderEvents,
  ForwarderHost,
  ForwarderKind,
  Forwarders,
} from "../relay/udp/forwarder.ts";
import type { TlsKeys } from "../net/tls/tls_keys.ts";
import type { Lane } from "./lane.ts";
import { LaneStarts, type StartOptions } from "./lane_starts.ts";
import type { LaneInit, LaneListen, RelayName } from "./messages.ts";

const LOG = logger("lane");
/** Milliseconds before a lane that keeps dying is restarted; the first restart has no pause. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 10_000;
/** A lane that has lived this long does not count as one that keeps dying. */
const LONG_LIFE = 60_000;
/** With this many failures within a minute, in whichever lanes, clients should go elsewhere. */
const CRASH_LOOP = 5;
const CRASH_LOOP_TIME = 60_000;
/** Milliseconds between pings to the lanes, and the longest silence before one counts as failed. */
const BEAT = 1_000;
const LONGEST_SILENCE = 5_000;
/** Milliseconds for this thread, if it was blocked itself, to receive the answers that have arrived. */
const CATCHING_UP = 200;
/** Milliseconds that closing waits for threads that do not end. */
const LONGEST_END = 3_000;

export interface LaneTrouble {
  readonly reason: string;
  /** Whether new clients can still be sent here. */
  readonly canServe: boolean;
}

/** One relay, made of all lanes. */
export interface LanesRelay extends RelaySessions {
  readonly address: Address;
  /** Where it listens for TLS. */
  readonly secureAddress: Address | undefined;
  /** Rejects when the lanes cannot go on. */
  readonly closed: Promise<void>;
  drain(): void;
  kill(): void;
  idle(): Promise<void>;
}

/** One numbered place, whichever lane fills it. */
interface Place {
  readonly number: number;
  isAlive: boolean;
  /** The failed one until another is open. */
  lane: Lane;
  startedAt: number;
  /** When it was pinged, unless it has answered since. */
  askedAt?: number | undefined;
  /** Milliseconds before the next restart. */
  pause: number;
  retry?: Disposable;
  /** Resolves when there is nothing to wait for any more: the lane runs again, or is not needed. */
  revival: PromiseWithResolvers<void>;
}

export class Lanes implements ForwarderHost, AsyncDisposable {
  readonly rtmp: LanesRelay;
  /** Absent if the main thread runs the HTTP server. */
  readonly http: LanesRelay | undefined;
  /** Where WebRTC clients connect over TCP, if they can. */
  readonly rtcTcp: Address | undefined;
  /** The same, if it is a port of its own. */
  readonly ownRtcTcp: Address | undefined;
  readonly #options: StartOptions;
  readonly #starts: LaneStarts;
  readonly #listen: LaneListen;
  readonly #places: Place[] = [];
  readonly #closed = Promise.withResolvers<void>();
  readonly #watch: Disposable;
  readonly #draining = new Set<RelayName>();
  /** Requests for reports that are under way, by lane. */
  readonly #asked = new Map<Lane, Promise<boolean>>();
  /** Times of the latest failures. */
  readonly #failures: number[] = [];
  #variables: LaneInit["variables"];
  #tls: LaneInit["tls"];
  #authorities: LaneInit["authorities"];
  #isEnding = false;

  private constructor(options: StartOptions, starts: LaneStarts, first: Lane) {
    this.#options = options;
    this.#starts = starts;
    const { variables, listen, tls, authorities } = options.init;
    this.#variables = variables;
    this.#tls = tls;
    this.#authorities = authorities;
    this.#closed.promise.catch(() => {});
    const { rtmp, http, rtmps, https, rtcTcp } = first.addresses;
    // If the system chose the ports, the other lanes use the same ones.
    this.#listen = {
      ...listen,
      rtmp: { ...listen.rtmp, port: rtmp.port },
      http: listen.http && { ...listen.http, port: http!.port },
      rtmps: listen.rtmps && { ...listen.rtmps, port: rtmps!.port },
      https: listen.https && { ...listen.https, port: https!.port },
      rtcTcp: typeof listen.rtcTcp === "object"
        ? { ...listen.rtcTcp, port: rtcTcp!.port }
        : listen.rtcTcp,
    };
    this.ownRtcTcp = rtcTcp;
    this.rtcTcp = listen.rtcTcp === "http" ? http : listen.rtcTcp === "https" ? https : rtcTcp;
    this.rtmp = this.#relay("rtmp", rtmp, rtmps);
    this.http = http && this.#relay("http", http, https);
    this.#add(first);
    this.#watch = options.clock.every(BEAT, () => this.#askAll());
  }

  /** @throws ProxyError `internal` when a port cannot be bound */
  static async open(options: StartOptions): Promise<Lanes> {
    const starts = new LaneStarts(options);
    const first = await starts.open(1, options.init);
    const lanes = new Lanes(options, starts, first);
    try {
      const others = Array.from({ length: options.count - 1 }, (_, at) => lanes.#open(at + 2));
      for (const lane of await Promise.all(others)) lanes.#add(lane);
      return lanes;
    } catch (error) {
      await lanes[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens a forwarder in every lane, including later replacements. */
  openForwarders<Init extends object, Command, Report>(
    kind: ForwarderKind<Init>,
    events: ForwarderEvents<Report>,
  ): Promise<Forwarders<Init, Command>> {
    const lanes = this.#places.filter(({ isAlive }) => isAlive).map(({ lane }) => lane);
    return this.#starts.forwarders.open(kind, events, lanes);
  }

  /** How many there are, failed ones included. */
  get count(): number {
    return this.#places.length;
  }

  /** For the watchdog: a lane that cannot be replaced does not answer. */
  get hearts(): readonly Heart[] {
    return this.#places.map((place) => ({
      name: `lane ${place.number}`,
      beat: () => place.isAlive ? place.lane.beat() : place.revival.promise,
    }));
  }

  /** Ends a lane as failed. */
  fail(number: number, error: Error): void {
    this.#places.find(({ lane }) => lane.number === number)?.lane.fail(error);
  }

  /** How many are serving clients. */
  get alive(): number {
    return this.#places.filter(({ isAlive }) => isAlive).length;
  }

  /** What is wrong with the lanes; undefined if nothing is. */
  get trouble(): LaneTrouble | undefined {
    const { alive, count } = this;
    const since = this.#failures.length < CRASH_LOOP ? -Infinity : this.#failures[0]!;
    if (this.#options.clock.now() - since < CRASH_LOOP_TIME) {
      const reason = `Lanes have failed ${CRASH_LOOP} times within a minute`;
      return { reason, canServe: false };
    }
    if (alive < count) {
      return { reason: `Only ${alive} of ${count} lanes serve clients`, canServe: alive > 0 };
    }
    const { runaways } = this.#starts;
    if (runaways === 0) return undefined;
    return { reason: `Threads of ${runaways} failed lanes run on`, canServe: true };
  }

  /** The number of the lane that has a session. */
  laneOf(session: string): number | undefined {
    return this.#places.find(({ lane }) => lane.has(session))?.lane.number;
  }

  /** Gives all lanes a new configuration. Resolves once they have it, or after a deadline. */
  async configure(variables: LaneInit["variables"]): Promise<void> {
    this.#variables = variables;
    for (const { lane, isAlive } of this.#places) if (isAlive) lane.configure(variables);
    await this.#allBeat();
  }

  /** Gives all lanes new certificates, for new connections. */
  certify(tls: TlsKeys): void {
    this.#tls = tls;
    for (const { lane, isAlive } of this.#places) if (isAlive) lane.certify(tls);
  }

  /** Gives all lanes the authorities to trust in origins' certificates, for new connections. */
  trust(authorities: LaneInit["authorities"]): void {
    this.#authorities = authorities;
    for (const { lane, isAlive } of this.#places) if (isAlive) lane.trust(authorities);
  }

  /** Makes all lanes report counts and gauges. Resolves once they have, or after a deadline. */
  async report(): Promise<void> {
    await this.#allBeat();
    this.#setGauges();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    this.#watch[Symbol.dispose]();
    for (const { retry } of this.#places) retry?.[Symbol.dispose]();
    await Promise.all(this.#places.map(({ lane }) => lane[Symbol.asyncDispose]()));
    await within(this.#options.clock, LONGEST_END, this.#starts.allReleased(), () => {});
    this.#starts.forwarders[Symbol.dispose]();
    this.#closed.resolve();
  }

  #open(number: number): Promise<Lane> {
    const [listen, variables, tls] = [this.#listen, this.#variables, this.#tls];
    return this.#starts.open(number, { listen, variables, tls, authorities: this.#authorities });
  }

  #add(lane: Lane): void {
    const { number } = lane;
    const startedAt = this.#options.clock.now();
    const revival = Promise.withResolvers<void>();
    const place: Place = { number, isAlive: true, lane, startedAt, pause: 0, revival };
    this.#places.push(place);
    this.#follow(place);
  }

  /** Replaces a lane whenever it dies. */
  #follow(place: Place): void {
    place.lane.closed.catch((error: unknown) => {
      if (this.#isEnding) return;
      const { clock, services } = this.#options;
      LOG.error("A lane has failed, its sessions have ended", { lane: place.number, error });
      services.metrics.count("srs_proxy_lane_failures_total");
      place.isAlive = false;
      place.revival = Promise.withResolvers();
      const now = clock.now();
      if (this.#failures.push(now) > CRASH_LOOP) this.#failures.shift();
      if (now - place.startedAt >= LONG_LIFE) place.pause = 0;
      place.lane.disconnected.then(() => this.#replaceLater(place));
      if (this.#draining.size > 0) place.revival.resolve();
    });
  }

  #replaceLater(place: Place): void {
    if (this.#isEnding) return;
    place.retry = this.#options.clock.after(place.pause, () => void this.#replace(place));
    place.pause = Math.min(Math.max(place.pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
  }

  async #replace(place: Place): Promise<void> {
    // A draining process takes no new clients, so there is nothing to replace the lane for.
    if (this.#isEnding || this.#draining.size > 0) return;
    const { number } = place;
    try {
      const lane = await this.#open(number);
      if (this.#isEnding) return await lane[Symbol.asyncDispose]();
      place.lane = lane;
      place.isAlive = true;
      // The configuration may have been reloaded while the lane was opening.
      lane.configure(this.#variables);
      if (this.#tls !== undefined) lane.certify(this.#tls);
      lane.trust(this.#authorities);
      place.startedAt = this.#options.clock.now();
      for (const relay of this.#draining) lane.drain(relay);
      LOG.info("A lane has been replaced", { lane: number });
      this.#follow(place);
      place.revival.resolve();
    } catch (error) {
      LOG.error("Cannot replace a lane", { lane: number, error });
      this.#replaceLater(place);
    }
  }

  async #allBeat(): Promise<void> {
    const beats = this.#places.filter(({ isAlive }) => isAlive).map(({ lane }) => lane.beat());
    await within(this.#options.clock, BEAT, Promise.all(beats), () => {});
  }

  #setGauges(): void {
    const { services: { metrics } } = this.#options;
    metrics.gauge("srs_proxy_lanes", this.alive);
    let [rtmp, http, rtc] = [0, 0, 0];
    for (const { number, lane, isAlive } of this.#places) {
      const ofLane = (name: string) => isAlive ? lane.gauge(name) : 0;
      const ofRtmp = ofLane("srs_proxy_rtmp_connections");
      const ofHttp = ofLane("srs_proxy_http_connections");
      const ofRtc = ofLane("srs_proxy_rtc_tcp_connections");
      [rtmp, http, rtc] = [rtmp + ofRtmp, http + ofHttp, rtc + ofRtc];
      const own = ofRtmp + ofHttp + ofRtc;
      metrics.gauge("srs_proxy_lane_connections", own, { lane: String(number) });
    }
    metrics.gauge("srs_proxy_rtmp_connections", rtmp);
    if (this.http) metrics.gauge("srs_proxy_http_connections", http);
    metrics.gauge("srs_proxy_rtc_tcp_connections", rtc);
    metrics.gauge("srs_proxy_identify_memory_bytes", this.#starts.identifyMemory);
  }

  /** Pings all lanes, and ends those that do not answer in time. */
  #askAll(): void {
    this.#setGauges();
    const { clock } = this.#options;
    for (const place of this.#places) {
      const { lane, isAlive } = place;
      if (!isAlive) continue;
      if (lane.hasVanished) {
        lane.fail(new Error(`Lane ${lane.number} has ended unexpectedly`));
        continue;
      }
      if (place.askedAt === undefined) this.#ask(place);
      else if (clock.now() - place.askedAt >= LONGEST_SILENCE) this.#giveUpSoon(place);
    }
  }

  #ask(place: Place): void {
    const { clock, services: { metrics } } = this.#options;
    const { lane } = place;
    const askedAt = place.askedAt = clock.now();
    lane.beat().then(() => {
      place.askedAt = undefined;
      const seconds = (clock.now() - askedAt) / 1_000;
      metrics.observe("srs_proxy_lane_lag_seconds", seconds, { lane: String(lane.number) });
    });
  }

  /** If this thread was blocked in the meantime, the answer may be waiting to be received. */
  #giveUpSoon(place: Place): void {
    const { lane, askedAt } = place;
    this.#options.clock.after(CATCHING_UP, () => {
      if (!this.#isEnding && place.askedAt === askedAt) lane.giveUp();
    });
  }

  #relay(relay: RelayName, address: Address, secureAddress: Address | undefined): LanesRelay {
    const find = (session: string) => this.#places.find(({ lane }) => lane.has(session))?.lane;
    return {
      ...{ address, secureAddress },
      closed: this.#closed.promise,
      drain: () => {
        this.#draining.add(relay);
        for (const { lane, isAlive, revival } of this.#places) {
          lane.drain(relay);
          if (!isAlive) revival.resolve();
        }
      },
      kill: () => this.#places.forEach(({ lane }) => lane.kill(relay)),
      idle: async () => {
        await Promise.all(this.#places.map(({ lane }) => lane.idle(relay)));
      },
      endSession: (session: string, reason: EndedBy) => {
        const lane = find(session);
        lane?.endSession(session, reason);
        return lane !== undefined;
      },
      received: (sessions: readonly string[]) => this.#received(sessions),
    };
  }

  async #received(sessions: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const counts = await Promise.all(this.#places.map(async ({ lane }) => {
      const own = sessions.filter((session) => lane.has(session));
      if (own.length === 0 || !await this.#hear(lane)) return [];
      return own.map((session) => [session, lane.received(session)] as const);
    }));
    return new Map(counts.flat().filter((count) => count[1] !== undefined) as [string, number][]);
  }

  /** @returns whether the lane has reported in time; if not, only its earlier reports are known */
  #hear(lane: Lane): Promise<boolean> {
    const known = this.#asked.get(lane);
    if (known !== undefined) return known;
    const told = lane.beat(true).then(() => true);
    const asked = within(this.#options.clock, BEAT, told, () => false)
      .finally(() => this.#asked.delete(lane));
    this.#asked.set(lane, asked);
    return asked;
  }
}
