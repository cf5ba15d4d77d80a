// The part of a relay over UDP that lives in the main thread: opens the thread that moves datagrams, hands
// what it counts to the metrics, ends sessions, drains. What a session is, and how it begins, is the
// affair of its protocol.

import { type Clock, within } from "../../core/clock.ts";
import type { ListenAddress } from "../../core/endpoint.ts";
import type { Address } from "../../core/address.ts";
import type { EndedBy, Metrics, RelaySessions } from "../../core/contracts.ts";
import { TaskGroup } from "../../net/task_group.ts";
import type { UdpEngineChoice } from "../../net/udp/engine.ts";
import type { UdpEngine } from "../../net/udp/port.ts";
import { UdpThread, type UdpThreadOptions, type UdpWorker } from "../../net/udp/thread.ts";
import { countLost, countMoved, type UdpProtocol } from "./figures.ts";
import type { SessionCommand, SessionCounts, SessionEnd, SessionReport } from "./messages.ts";

/** How long the thread may take to say what it has counted, milliseconds. */
const COUNT_TIMEOUT = 1_000;

/** What every relay over UDP needs of its surroundings. */
export interface UdpFrontOptions {
  readonly listen: ListenAddress;
  readonly clock: Clock;
  readonly engine: UdpEngineChoice;
  /** @see UdpThreadOptions */
  readonly openWorker?: (module: URL) => UdpWorker;
  readonly reusePort?: boolean;
  /**
   * Whether the port is left at once when the relay drains, to others that listen on it too and ask the
   * same registry; without `reusePort` there are none.
   */
  readonly leavesPort?: boolean;
  readonly metrics: Metrics;
  /** Told of errors that are nobody's fault but the program's. */
  onError(error: unknown): void;
}

/** The thread of a protocol. */
interface UdpThreadKind<Init> extends Pick<UdpThreadOptions<Init, never>, "module" | "init"> {
  readonly protocol: UdpProtocol;
  /** What listens, for errors: "WebRTC". */
  readonly name: string;
  /** How often the thread looks at its clock, milliseconds. */
  readonly tick: number;
  /** Sockets towards origins that it may have. */
  readonly maxLinks: number;
}

/** Why a session ends that neither its client nor its origin has ended. */
type FrontEnd = EndedBy | "shutdown";

/** A bound UDP port and the sessions of its clients by their keys. */
export abstract class UdpFront<
  Key,
  Reason,
  Session extends { readonly id: string },
  Init extends object,
  Command,
  Report,
> implements RelaySessions, AsyncDisposable {
  /** For a watchdog. */
  abstract readonly name: string;
  protected readonly sessions = new Map<Key, Session>();
  protected readonly tasks: TaskGroup;
  protected isDraining = false;
  protected thread!: UdpThread<Init, Command | SessionCommand<Key, Reason | FrontEnd>, Report>;
  readonly #front: UdpFrontOptions;
  readonly #whenIdle = Promise.withResolvers<void>();
  readonly #asked = new Map<number, (received: SessionCounts<Key>["received"]) => void>();
  #questions = 0;

  protected constructor(options: UdpFrontOptions) {
    this.#front = options;
    this.tasks = new TaskGroup(options.onError);
  }

  get address(): Address {
    return this.thread.address;
  }

  /** How datagrams are moved, and the sizes of the port's buffers in bytes; 0 = unknown. */
  get engine(): Pick<UdpEngine, "kind" | "buffers"> {
    return this.thread;
  }

  /** Rejects when the thread dies by itself. */
  get closed(): Promise<void> {
    return this.thread.closed;
  }

  /** Takes no new session; those that are there go on, unless the port is left to others. */
  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    if (this.#front.leavesPort === true) return this.tasks.run(() => this.leavePort());
    this.thread.send({ type: "drain" });
    this.checkIdle();
  }

  /** Resolves once the thread has shown that it goes on. */
  beat(): Promise<void> {
    return this.thread.beat();
  }

  /** Ends all sessions in order. */
  kill(): void {
    for (const key of this.sessions.keys()) this.end(key, "shutdown");
  }

  endSession(id: string, reason: EndedBy): boolean {
    for (const [key, session] of this.sessions) {
      if (session.id !== id) continue;
      this.end(key, reason);
      return true;
    }
    return false;
  }

  async received(sessions: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const wanted = new Set(sessions);
    const ids = new Map<Key, string>();
    for (const [key, { id }] of this.sessions) if (wanted.has(id)) ids.set(key, id);
    if (ids.size === 0) return new Map();
    const received = await this.#count([...ids.keys()]);
    return new Map(received.map(([key, bytes]) => [ids.get(key)!, bytes]));
  }

  /** Resolves when the relay drains and no session is left. */
  idle(): Promise<void> {
    return this.#whenIdle.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    await this.endThread();
    await this.tasks.idle();
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  protected async openThread(kind: UdpThreadKind<Init>): Promise<void> {
    const { listen, clock, engine: choice, openWorker, reusePort = false, metrics } = this.#front;
    const { protocol, tick, maxLinks, ...rest } = kind;
    this.thread = await UdpThread.open({
      ...{ ...rest, openWorker, clock, choice },
      engine: { listen, tick, maxLinks, reusePort },
      onReport: (report) => {
        const shared = report as SessionReport<Key, UdpProtocol, Reason>;
        if (shared.type === "ended") this.sessionEnded(shared);
        else if (shared.type === "counted") this.#asked.get(shared.id)?.(shared.received);
        else if (shared.type === "moved") {
          metrics.gauge(`srs_proxy_${protocol}_sessions`, this.sessions.size);
          countMoved(metrics, protocol, shared);
        } else this.take(report as OwnReport<Report>);
      },
      onFigures: (lost) => countLost(metrics, protocol, lost),
    });
  }

  protected async endThread(): Promise<void> {
    await this.thread[Symbol.asyncDispose]();
    // A thread that was ended by force has reported nothing.
    for (const key of [...this.sessions.keys()]) {
      this.sessionEnded({ type: "ended", key, reason: "shutdown", bytesIn: 0, bytesOut: 0 });
    }
    this.checkIdle();
  }

  async #count(keys: readonly Key[]): Promise<SessionCounts<Key>["received"]> {
    const id = ++this.#questions;
    const { promise, resolve } = Promise.withResolvers<SessionCounts<Key>["received"]>();
    this.#asked.set(id, resolve);
    this.thread.send({ type: "count", id, keys });
    try {
      return await within(this.#front.clock, COUNT_TIMEOUT, promise, () => []);
    } finally {
      this.#asked.delete(id);
    }
  }

  /** Leaves the port to others, and the sessions as the protocol can. */
  protected leavePort(): Promise<void> {
    return this.endThread();
  }

  /** Has the thread end a session. */
  protected end(key: Key, reason: Reason | FrontEnd): void {
    this.thread.send({ type: "close", key, reason });
  }

  /** To be called when a session has gone. */
  protected checkIdle(): void {
    if (this.isDraining && this.sessions.size === 0) this.#whenIdle.resolve();
  }

  /** The thread has ended a session, or never will. */
  protected abstract sessionEnded(end: SessionEnd<Key, Reason | FrontEnd>): void;

  /** Takes what only this protocol's thread reports. */
  protected abstract take(report: OwnReport<Report>): void;
}

/** What the thread of one protocol reports and the others' do not. */
export type OwnReport<Report> = Exclude<Report, { readonly type: "ended" | "moved" | "counted" }>;
