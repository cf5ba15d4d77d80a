// The part of a UDP relay that runs in the main thread: opens forwarders in the lanes, passes their
// counts to the metrics, ends sessions, drains. What a session is and how it begins is left to the
// protocol.

import { type Clock, within } from "../../core/clock.ts";
import type { ListenAddress } from "../../core/endpoint.ts";
import type { Address } from "../../core/address.ts";
import type { EndedBy, Metrics, RelaySessions, SessionLog } from "../../core/contracts.ts";
import type { Flowed } from "../../core/flow_meter.ts";
import { type PackedFlows, unpackFlows } from "../../core/packed_flows.ts";
import { TaskGroup } from "../../net/task_group.ts";
import { countLost, countMoved, type UdpProtocol } from "./figures.ts";
import type { ForwarderHost, ForwarderKind, Forwarders } from "./forwarder.ts";
import type { ReceivedCounts, SessionCommand, SessionEnd, SessionReport } from "./messages.ts";

/** How long a lane may take to report its counts, milliseconds. */
const COUNT_TIMEOUT = 1_000;
/** How often the number of sessions is set in the metrics, milliseconds. */
const GAUGE_INTERVAL = 1_000;

export interface UdpFrontOptions {
  readonly listen: ListenAddress;
  readonly clock: Clock;
  readonly lanes: ForwarderHost;
  readonly reusePort?: boolean;
  /**
   * Whether the relay closes its port at once when it drains, leaving it to other processes that
   * listen on it and share the registry. Needs `reusePort`.
   */
  readonly leavesPort?: boolean;
  readonly metrics: Metrics;
  readonly sessions: SessionLog;
  /** Called with errors that are bugs of this program. */
  onError(error: unknown): void;
}

/** Why a session ends if neither its client nor its origin has ended it. */
type FrontEnd = EndedBy | "shutdown" | "lane_failed";

/** A session, with one part for each lane that serves it. */
export interface UdpSession<Key> {
  readonly id: string;
  /** The key by which each of these lanes knows the session. */
  readonly parts: Map<number, Key>;
  /** What has flowed in each part, as last reported. */
  readonly flows: Map<number, Flowed>;
  /** Bytes of the parts that have ended. */
  bytesIn: number;
  bytesOut: number;
}

/** A bound UDP port and the sessions of its clients, by their ids. */
export abstract class UdpFront<
  Key,
  Reason,
  Session extends UdpSession<Key>,
  Init extends object,
  Command,
  Report,
> implements RelaySessions, AsyncDisposable {
  protected readonly sessions = new Map<string, Session>();
  protected readonly tasks: TaskGroup;
  protected isDraining = false;
  protected forwarders!: Forwarders<Init, Command | SessionCommand<Key, Reason | FrontEnd>>;
  readonly #front: UdpFrontOptions;
  readonly #whenIdle = Promise.withResolvers<void>();
  readonly #asked = new Map<number, (received: ReceivedCounts<Key>["received"]) => void>();
  #questions = 0;
  #gauge: Disposable | undefined;

  protected constructor(options: UdpFrontOptions) {
    this.#front = options;
    this.tasks = new TaskGroup(options.onError);
  }

  get address(): Address {
    return this.forwarders.address;
  }

  /** How datagrams are moved, and the sizes of each socket's buffers in bytes; 0 = unknown. */
  get engine(): Forwarders<Init, Command>["engine"] {
    return this.forwarders.engine;
  }

  /** Accepts no new sessions; existing ones continue, unless the port is left to others. */
  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    if (this.#front.leavesPort === true) return this.tasks.run(() => this.leavePort());
    this.forwarders.sendAll({ type: "drain" });
    this.checkIdle();
  }

  /** Ends all sessions properly. */
  kill(): void {
    for (const session of this.sessions.values()) this.endAll(session, "shutdown");
  }

  endSession(id: string, reason: EndedBy): boolean {
    const session = this.sessions.get(id);
    if (session === undefined) return false;
    this.endAll(session, reason);
    return true;
  }

  async received(sessions: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const wanted = sessions.flatMap((id) => this.sessions.get(id) ?? []);
    const keys = new Map<number, Key[]>();
    for (const { parts } of wanted) {
      for (const [lane, key] of parts) {
        if (keys.get(lane)?.push(key) === undefined) keys.set(lane, [key]);
      }
    }
    const counted = await Promise.all([...keys].map(([lane, some]) => this.#count(lane, some)));
    const ofLane = new Map([...keys.keys()].map((lane, index) => [lane, counted[index]!]));
    return new Map(wanted.flatMap((session) => {
      const parts = Array.from(session.parts, ([lane, key]) => ofLane.get(lane)?.get(key));
      if (parts.length === 0 || parts.includes(undefined)) return [];
      const bytes = parts.reduce<number>((sum, part) => sum + part!, session.bytesOut);
      return [[session.id, bytes] as const];
    }));
  }

  /** Resolves when the relay is draining and no session is left. */
  idle(): Promise<void> {
    return this.#whenIdle.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    await this.closePort();
    this.#gauge?.[Symbol.dispose]();
    await this.tasks.idle();
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  protected async openPort(
    kind: Omit<ForwarderKind<Init>, "listen" | "reusePort">,
  ): Promise<void> {
    const { listen, clock, lanes, reusePort = false, metrics } = this.#front;
    const { protocol } = kind;
    this.forwarders = await lanes.openForwarders({ ...kind, listen, reusePort }, {
      report: (lane: number, report: Report) => {
        const shared = report as SessionReport<Key, UdpProtocol, Reason>;
        if (shared.type === "ended") this.#partEnded(lane, shared);
        else if (shared.type === "counted") this.#asked.get(shared.id)?.(shared.received);
        else if (shared.type === "flowed") this.#flowed(lane, shared.flows);
        else if (shared.type === "moved") {
          countMoved(metrics, protocol, shared);
        } else this.take(lane, report as OwnReport<Report>);
      },
      lost: (drops) => countLost(metrics, protocol, drops),
      gone: (lane) => this.#laneGone(lane, "lane_failed"),
    });
    const tell = () => metrics.gauge(`srs_proxy_${protocol}_sessions`, this.sessions.size);
    this.#gauge = clock.every(GAUGE_INTERVAL, tell);
  }

  protected async closePort(): Promise<void> {
    await this.forwarders.close();
    // A lane that was terminated has not reported the end of its sessions.
    for (const session of [...this.sessions.values()]) {
      for (const lane of [...session.parts.keys()]) this.#partVanished(session, lane, "shutdown");
      if (this.sessions.has(session.id)) this.endAll(session, "shutdown");
    }
    this.checkIdle();
  }

  /** Leaves the port to others; the protocol decides what happens to its sessions. */
  protected leavePort(): Promise<void> {
    return this.closePort();
  }

  /** Tells the lanes to end a session. */
  protected endAll(session: Session, reason: Reason | FrontEnd): void {
    for (const [lane, key] of session.parts) {
      this.forwarders.send(lane, { type: "close", key, reason });
    }
  }

  /** Must be called when a session has gone. */
  protected checkIdle(): void {
    if (this.isDraining && this.sessions.size === 0) this.#whenIdle.resolve();
  }

  /**
   * Asks a lane how many bytes origins have sent for these sessions; returns an empty map if it
   * does not answer.
   */
  async #count(lane: number, keys: readonly Key[]): Promise<ReadonlyMap<Key, number>> {
    const id = ++this.#questions;
    const { promise, resolve } = Promise.withResolvers<ReceivedCounts<Key>["received"]>();
    this.#asked.set(id, resolve);
    this.forwarders.send(lane, { type: "count", id, keys });
    try {
      return new Map(await within(this.#front.clock, COUNT_TIMEOUT, promise, () => []));
    } finally {
      this.#asked.delete(id);
    }
  }

  #flowed(lane: number, flows: PackedFlows<Key>): void {
    unpackFlows(flows, (key, flowed) => {
      const session = this.find(lane, key);
      if (!session?.parts.has(lane)) return;
      session.flows.set(lane, flowed);
      this.#tellFlowed(session);
      this.flowed(session);
    });
  }

  #tellFlowed(session: Session): void {
    const { bytesIn, bytesOut } = session;
    const sum = { bytesIn, bytesOut, bitsIn: 0, bitsOut: 0 };
    for (const part of session.flows.values()) {
      sum.bytesIn += part.bytesIn;
      sum.bytesOut += part.bytesOut;
      sum.bitsIn += part.bitsIn;
      sum.bitsOut += part.bitsOut;
    }
    this.#front.sessions.flowed({ session: session.id, flowed: sum });
  }

  #partEnded(lane: number, { key, reason, bytesIn, bytesOut }: SessionEnd<Key, Reason>): void {
    const session = this.find(lane, key);
    if (!session?.parts.has(lane)) return;
    session.bytesIn += bytesIn;
    session.bytesOut += bytesOut;
    this.#losePart(session, lane, reason);
  }

  #laneGone(lane: number, reason: FrontEnd): void {
    for (const session of [...this.sessions.values()]) {
      if (session.parts.has(lane)) this.#partVanished(session, lane, reason);
    }
  }

  /** A lane has not reported the end of its part: what it had reported before counts. */
  #partVanished(session: Session, lane: number, reason: FrontEnd): void {
    session.bytesIn += session.flows.get(lane)?.bytesIn ?? 0;
    session.bytesOut += session.flows.get(lane)?.bytesOut ?? 0;
    this.#losePart(session, lane, reason);
  }

  #losePart(session: Session, lane: number, reason: Reason | FrontEnd): void {
    session.parts.delete(lane);
    if (session.flows.delete(lane) && session.parts.size > 0) this.#tellFlowed(session);
    this.partEnded(session, lane, reason);
  }

  /** Returns the session that a lane knows by that key. */
  protected abstract find(lane: number, key: Key): Session | undefined;

  /** A lane's part of a session has ended, or the lane itself. */
  protected abstract partEnded(session: Session, lane: number, reason: Reason | FrontEnd): void;

  /** A lane has reported what has flowed in its part of a session. */
  protected flowed(_session: Session): void {}

  /** Handles a report that only this protocol's forwarders send. */
  protected abstract take(lane: number, report: OwnReport<Report>): void;
}

/** The reports that only one protocol's forwarders send. */
export type OwnReport<Report> = Exclude<
  Report,
  { readonly type: "ended" | "moved" | "counted" | "flowed" }
>;
