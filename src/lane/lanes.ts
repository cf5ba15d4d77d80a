// All lanes: as many threads as the process may use, on the same ports, each of which serves the clients
// that the kernel gives it. One that dies is replaced. To the rest of the program they are one RTMP relay
// and one HTTP relay.

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
import { Lane, type LaneOptions } from "./lane.ts";
import { ForwarderSet } from "./lane_forwarders.ts";
import type { LaneInit, RelayName } from "./messages.ts";
import { SharedTally, type TallyMemory, tallyMemory } from "./shared_tally.ts";

const LOG = logger("lane");
/** Addresses that may have connections at one time. */
const ADDRESSES = 65_536;
/** Pauses before a lane that dies again and again is started once more, milliseconds. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 10_000;
/** A lane that has lived so long is not one that dies again and again. */
const LONG_LIFE = 60_000;
/** How often lanes are asked whether they go on, and how long they may be silent. */
const BEAT = 1_000;
const LONGEST_SILENCE = 5_000;

/** What lanes need. */
export interface LanesOptions extends Omit<LaneOptions, "init" | "onForwarder"> {
  readonly count: number;
  /** What memory of clients that are not identified is counted in, the main thread's among it. */
  readonly identifyMemory: TallyMemory;
  readonly init: Omit<LaneOptions["init"], "lane" | keyof LaneMemory>;
}

/** A relay that all lanes are together. */
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

/** What lanes count in. */
type LaneMemory = Pick<LaneInit, "rtmpConnections" | "httpConnections" | "identifyMemory">;

interface Place {
  isAlive: boolean;
  lane: Lane;
  startedAt: number;
  pause: number;
}

/** Running lanes. */
export class Lanes implements ForwarderHost, AsyncDisposable {
  readonly rtmp: LanesRelay;
  /** Absent where the HTTP server is the main thread's. */
  readonly http: LanesRelay | undefined;
  readonly #options: LanesOptions;
  readonly #memory: LaneMemory;
  readonly #forwarders: ForwarderSet;
  readonly #places: Place[] = [];
  readonly #closed = Promise.withResolvers<void>();
  readonly #watch: Disposable;
  /** Lanes that have failed and of which something is left. */
  readonly #ended = new Set<Promise<void>>();
  readonly #draining = new Set<RelayName>();
  /** Lanes that are asked for what they have not told yet. */
  readonly #asked = new Map<Lane, Promise<boolean>>();
  #variables: LaneInit["variables"];
  #tls: LaneInit["tls"];
  /** How many lanes have been started. */
  #starts = 1;
  #isEnding = false;

  private constructor(
    options: LanesOptions,
    first: Lane,
    memory: LaneMemory,
    forwarders: ForwarderSet,
  ) {
    this.#options = options;
    this.#memory = memory;
    this.#forwarders = forwarders;
    this.#variables = options.init.variables;
    this.#tls = options.init.tls;
    this.#closed.promise.catch(() => {});
    const { rtmp, http, rtmps, https } = first.addresses;
    this.rtmp = this.#relay("rtmp", rtmp, rtmps);
    this.http = http && this.#relay("http", http, https);
    this.#add(first);
    this.#watch = options.clock.every(BEAT, () => this.#askAll());
  }

  /** @throws ProxyError `internal` when a port cannot be bound */
  static async open(options: LanesOptions): Promise<Lanes> {
    const memory = {
      rtmpConnections: laneTally(options.count),
      httpConnections: laneTally(options.count),
      identifyMemory: options.identifyMemory,
    };
    const { count, clock, init: { listen, engine } } = options;
    const forwarders = new ForwarderSet({ engine, clock, count, tally: () => laneTally(count) });
    const first = await Lane.open({
      ...options,
      onForwarder: (...said) => forwarders.take(...said),
      init: { ...options.init, ...memory, lane: 1, idPrefix: `${options.init.idPrefix}-1` },
    });
    const { rtmp, http, rtmps, https } = first.addresses;
    // Where the system has chosen the ports, the others take the same.
    const same = {
      ...listen,
      rtmp: { ...listen.rtmp, port: rtmp.port },
      http: listen.http && { ...listen.http, port: http!.port },
      rtmps: listen.rtmps && { ...listen.rtmps, port: rtmps!.port },
      https: listen.https && { ...listen.https, port: https!.port },
    };
    const all = { ...options, init: { ...options.init, listen: same } };
    const lanes = new Lanes(all, first, memory, forwarders);
    try {
      const others = Array.from({ length: options.count - 1 }, (_, at) => lanes.#open(at + 2));
      for (const lane of await Promise.all(others)) lanes.#add(lane);
      return lanes;
    } catch (error) {
      await lanes[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens a forwarder in every lane, those included that take the place of others. */
  openForwarders<Init extends object, Command, Report>(
    kind: ForwarderKind<Init>,
    events: ForwarderEvents<Report>,
  ): Promise<Forwarders<Init, Command>> {
    const lanes = this.#places.filter(({ isAlive }) => isAlive).map(({ lane }) => lane);
    return this.#forwarders.open(kind, events, lanes);
  }

  /** How many there are. */
  get count(): number {
    return this.#places.length;
  }

  /** For the watchdog: a lane that cannot be replaced does not answer. */
  get hearts(): readonly Heart[] {
    return this.#places.map((place) => ({
      name: `lane ${place.lane.number}`,
      beat: () => place.isAlive ? place.lane.beat() : new Promise<void>(() => {}),
    }));
  }

  /** Ends a lane as one that has failed, for whatever reason. */
  fail(number: number, error: Error): void {
    this.#places.find(({ lane }) => lane.number === number)?.lane.fail(error);
  }

  /** How many serve clients just now. */
  get alive(): number {
    return this.#places.filter(({ isAlive }) => isAlive).length;
  }

  /** The number of the lane that has a session. */
  laneOf(session: string): number | undefined {
    return this.#places.find(({ lane }) => lane.has(session))?.lane.number;
  }

  /** Gives all lanes another configuration. Resolves once they have it, or after a while. */
  async configure(variables: LaneInit["variables"]): Promise<void> {
    this.#variables = variables;
    for (const { lane, isAlive } of this.#places) if (isAlive) lane.configure(variables);
    await this.#allBeat();
  }

  /** Gives all lanes other certificates, for new connections. */
  certify(tls: TlsKeys): void {
    this.#tls = tls;
    for (const { lane, isAlive } of this.#places) if (isAlive) lane.certify(tls);
  }

  /** Has all lanes tell their counts and figures. Resolves once they have, or after a while. */
  async report(): Promise<void> {
    await this.#allBeat();
    this.#setGauges();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    this.#watch[Symbol.dispose]();
    await Promise.all(this.#places.map(({ lane }) => lane[Symbol.asyncDispose]()));
    await Promise.all([...this.#ended, ...this.#places.map(({ lane }) => lane.freed)]);
    this.#forwarders[Symbol.dispose]();
    this.#closed.resolve();
  }

  async #open(number: number): Promise<Lane> {
    const { init, clock, services } = this.#options;
    const [variables, tls] = [this.#variables, this.#tls];
    // Ids are never given twice, by whichever lane.
    const idPrefix = `${init.idPrefix}-${(++this.#starts).toString(36)}`;
    const whole = { ...init, ...this.#memory, variables, tls, lane: number, idPrefix };
    const onForwarder: LaneOptions["onForwarder"] = (...said) => this.#forwarders.take(...said);
    const lane = await Lane.open({ clock, services, onForwarder, init: whole });
    try {
      await this.#forwarders.openIn(lane);
      return lane;
    } catch (error) {
      await lane[Symbol.asyncDispose]();
      throw error;
    }
  }

  #add(lane: Lane): void {
    const startedAt = this.#options.clock.now();
    const place = { isAlive: true, lane, startedAt, pause: FIRST_PAUSE };
    this.#places.push(place);
    this.#follow(place);
  }

  /** Replaces a lane that dies, again and again. */
  #follow(place: Place): void {
    place.lane.closed.catch((error: unknown) => {
      if (this.#isEnding) return;
      place.isAlive = false;
      const { clock, services } = this.#options;
      const { number, freed } = place.lane;
      this.#forwarders.gone(place.lane);
      LOG.error("A lane has failed, its sessions have ended", { lane: number, error });
      services.metrics.count("srs_proxy_lane_failures_total");
      const hasLived = clock.now() - place.startedAt >= LONG_LIFE;
      place.pause = hasLived ? FIRST_PAUSE : Math.min(place.pause * 2, LONGEST_PAUSE);
      for (const memory of Object.values(this.#memory)) retire(memory, number);
      // Until its thread has ended for certain it may still count.
      const gone = freed.then(() => {
        const memories = [...Object.values(this.#memory), ...this.#forwarders.memories];
        for (const memory of memories) clear(memory, number);
        clock.after(place.pause, () => void this.#replace(place, number));
      });
      this.#ended.add(gone);
      gone.then(() => this.#ended.delete(gone));
    });
  }

  async #replace(place: Place, number: number): Promise<void> {
    // Whoever drains takes nobody, so there is nothing to replace.
    if (this.#isEnding || this.#draining.size > 0) return;
    try {
      const lane = await this.#open(number);
      if (this.#isEnding) return await lane[Symbol.asyncDispose]();
      place.lane = lane;
      place.isAlive = true;
      // A reload may have come while it was being opened.
      lane.configure(this.#variables);
      place.startedAt = this.#options.clock.now();
      for (const relay of this.#draining) lane.drain(relay);
      LOG.info("A lane has been replaced", { lane: number });
      this.#follow(place);
    } catch (error) {
      LOG.error("Cannot replace a lane", { lane: number, error });
      place.pause = Math.min(place.pause * 2, LONGEST_PAUSE);
      this.#options.clock.after(place.pause, () => void this.#replace(place, number));
    }
  }

  async #allBeat(): Promise<void> {
    const beats = this.#places.filter(({ isAlive }) => isAlive).map(({ lane }) => lane.beat());
    await within(this.#options.clock, BEAT, Promise.all(beats), () => {});
  }

  #setGauges(): void {
    const { services: { metrics } } = this.#options;
    metrics.gauge("srs_proxy_lanes", this.alive);
    metrics.gauge("srs_proxy_rtmp_connections", this.#sum("srs_proxy_rtmp_connections"));
    if (this.http) {
      metrics.gauge("srs_proxy_http_connections", this.#sum("srs_proxy_http_connections"));
    }
    const { total } = new SharedTally(this.#memory.identifyMemory, 0);
    metrics.gauge("srs_proxy_identify_memory_bytes", total);
  }

  /** Ends lanes that say nothing any more. */
  #askAll(): void {
    this.#setGauges();
    const { clock } = this.#options;
    for (const { lane, isAlive } of this.#places) {
      if (!isAlive) continue;
      // If this thread stood still meanwhile, the answer may be there and not taken yet.
      let late = clock.after(LONGEST_SILENCE, () => {
        late = clock.after(BEAT, () => {
          if (!this.#isEnding) lane.fail(new Error(`Lane ${lane.number} is stuck`));
        });
      });
      lane.beat().then(() => late[Symbol.dispose]());
    }
  }

  /** Of what all lanes say of themselves by that name. */
  #sum(name: string): number {
    return this.#places.reduce(
      (sum, { lane, isAlive }) => sum + (isAlive ? lane.gauge(name) : 0),
      0,
    );
  }

  #relay(relay: RelayName, address: Address, secureAddress: Address | undefined): LanesRelay {
    const find = (session: string) => this.#places.find(({ lane }) => lane.has(session))?.lane;
    return {
      ...{ address, secureAddress },
      closed: this.#closed.promise,
      drain: () => {
        this.#draining.add(relay);
        for (const { lane } of this.#places) lane.drain(relay);
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

  /** @returns whether the lane has told what there is to tell, and not only what it had told before */
  #hear(lane: Lane): Promise<boolean> {
    const told = lane.beat().then(() => true);
    const asked = this.#asked.get(lane) ??
      within(this.#options.clock, BEAT, told, () => false).finally(() => this.#asked.delete(lane));
    this.#asked.set(lane, asked);
    return asked;
  }
}

/** Memory of a tally for so many lanes and the main thread, whose column is 0. */
export function laneTally(lanes: number): TallyMemory {
  return tallyMemory(ADDRESSES, lanes + 1);
}

function retire(memory: TallyMemory, column: number): void {
  new SharedTally(memory, 0).retire(column);
}

function clear(memory: TallyMemory, column: number): void {
  new SharedTally(memory, 0).clear(column);
}
