// The SRT relay as the rest of the program sees it: finds the origin of each caller's stream, logs
// sessions and holds their streams at their origins. A thread of its own moves the packets and
// waits for nothing here.

import { formatAddress, type ListenAddress } from "../../core/endpoint.ts";
import { type ErrorCode, ProxyError, toProxyError } from "../../core/errors.ts";
import type { Address, Origin } from "../../core/origin.ts";
import type {
  EndedBy,
  Metrics,
  RelaySessions,
  Resolver,
  SessionLog,
  TriedOrigin,
} from "../../core/ports.ts";
import { TaskGroup } from "../../net/task_group.ts";
import type { UdpEngineChoice } from "../../net/udp/engine.ts";
import type { UdpEngine } from "../../net/udp/port.ts";
import { UdpThread } from "../../net/udp/thread.ts";
import { DialBounds } from "../../core/try_origins.ts";
import { countLost, countMoved } from "../udp_figures.ts";
import { MAX_LATE_LINKS } from "./late_answers.ts";
import { MAX_EXTRA_LINKS } from "./origin_handshake.ts";
import type { SrtCommand, SrtInit, SrtReport } from "./srt_messages.ts";

const MODULE = new URL("./srt_worker.ts", import.meta.url);
/** How often the thread looks at its clock, milliseconds: handshakes go on with it. */
const TICK = 50;

/** What it means that a call has ended before it was open. */
const FAILURES: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  origin_timeout: ["origin_timeout", "Cannot find an origin that answers in time"],
  unanswered: ["origin_timeout", "Origin leaves this handshake unanswered"],
  unconfirmed: ["registry_unavailable", "Cannot confirm the stream in time"],
  origin_closed: ["origin_gone", "Origin has hung up at once"],
  client_restarted: ["client_gone", "Caller has started over"],
  overloaded: ["overloaded", "Cannot open another socket now"],
};

/** Limits that can change; durations in milliseconds. */
export type SrtLimits = Omit<SrtInit, "maxSessions" | "cookieSecret">;

/** What the relay needs of its surroundings; durations in milliseconds. */
export interface SrtRelayOptions extends SrtInit {
  readonly listen: ListenAddress;
  readonly engine: UdpEngineChoice;
  readonly reusePort?: boolean;
  /** Whether the port is left to others that listen on it as soon as this one drains. */
  readonly leavesPort?: boolean;
  readonly resolver: Resolver;
  readonly sessions: SessionLog;
  readonly metrics: Metrics;
  newSession(): string;
  /** Told of errors that are nobody's fault but the program's. */
  onError(error: unknown): void;
}

/** One caller's wish and what has become of it. */
interface SrtSession {
  readonly call: number;
  /** Id in the log. */
  readonly id: string;
  readonly stream: string;
  readonly intent: "publish" | "play";
  readonly client: string;
  readonly failed: string[];
  /** What may still be tried for it. */
  readonly bounds: DialBounds;
  readonly tried: TriedOrigin[];
  /** When it was wanted, and when its origin was asked, milliseconds. */
  readonly startedAt: number;
  askedAt: number;
  origin?: Origin;
  isOpen: boolean;
  /** Whether the resolver is being asked now, and whether the session is over. */
  isAsking: boolean;
  isOver: boolean;
}

/** A bound UDP port for SRT callers. */
export class SrtRelay implements RelaySessions, AsyncDisposable {
  /** For a watchdog. */
  readonly name = "SRT thread";
  readonly #options: SrtRelayOptions;
  readonly #sessions = new Map<number, SrtSession>();
  readonly #tasks: TaskGroup;
  readonly #whenIdle = Promise.withResolvers<void>();
  #thread!: UdpThread<SrtInit, SrtCommand, SrtReport>;
  #isDraining = false;

  private constructor(options: SrtRelayOptions) {
    this.#options = options;
    this.#tasks = new TaskGroup(options.onError);
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static async open(options: SrtRelayOptions): Promise<SrtRelay> {
    const relay = new SrtRelay(options);
    relay.#thread = await relay.#openThread();
    return relay;
  }

  get address(): Address {
    return this.#thread.address;
  }

  /** How datagrams are moved, and the sizes of the port's buffers in bytes; 0 = unknown. */
  get engine(): Pick<UdpEngine, "kind" | "buffers"> {
    return this.#thread;
  }

  /** Rejects when the thread dies by itself. */
  get closed(): Promise<void> {
    return this.#thread.closed;
  }

  /**
   * Takes no new caller; sessions go on, unless the port is left to others: then they are ended in order,
   * so that their callers call again at once.
   */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    if (this.#options.leavesPort === true) {
      return this.#tasks.run(() => this.#endThread());
    }
    this.#thread.send({ type: "drain" });
    this.#checkIdle();
  }

  /** Takes over other limits. */
  configure(limits: SrtLimits): void {
    this.#thread.configure(this.#initOf(limits));
  }

  /** Resolves once the thread has shown that it goes on. */
  beat(): Promise<void> {
    return this.#thread.beat();
  }

  /** Ends all sessions in order. */
  kill(): void {
    for (const call of this.#sessions.keys()) {
      this.#thread.send({ type: "close", call, reason: "shutdown" });
    }
  }

  endSession(session: string, reason: EndedBy): boolean {
    for (const { call, id, isOpen } of this.#sessions.values()) {
      if (id !== session || !isOpen) continue;
      this.#thread.send({ type: "close", call, reason });
      return true;
    }
    return false;
  }

  /** The thread does not tell before the session has ended. */
  received(): undefined {}

  /** Resolves when the relay drains and no session is left. */
  idle(): Promise<void> {
    return this.#whenIdle.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    await this.#endThread();
    await this.#tasks.idle();
  }

  async #endThread(): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
    // A thread that was ended by force has reported nothing.
    for (const call of [...this.#sessions.keys()]) {
      this.#close({ call, reason: "shutdown", bytesIn: 0, bytesOut: 0 });
    }
    this.#checkIdle();
  }

  #openThread(): Promise<UdpThread<SrtInit, SrtCommand, SrtReport>> {
    const { listen, engine: choice, reusePort = false, metrics } = this.#options;
    const init = this.#initOf(this.#options);
    const maxLinks = init.maxSessions + MAX_EXTRA_LINKS + MAX_LATE_LINKS;
    return UdpThread.open({
      module: MODULE,
      name: "SRT",
      choice,
      engine: { listen, tick: TICK, maxLinks, reusePort },
      init,
      onReport: (report) => this.#take(report),
      onFigures: (lost) => countLost(metrics, "srt", lost),
    });
  }

  #initOf(limits: SrtLimits): SrtInit {
    const { maxSessions, cookieSecret } = this.#options;
    const { maxSessionsPerAddress, idleTimeout, maxKeyMaterial, defaultStreamId } = limits;
    return {
      ...{ maxSessions, cookieSecret, maxSessionsPerAddress, idleTimeout },
      ...{ maxKeyMaterial, defaultStreamId },
    };
  }

  #take(report: SrtReport): void {
    if (report.type === "wanted") this.#begin(report);
    else if (report.type === "moved") {
      this.#options.metrics.gauge("srs_proxy_srt_sessions", this.#sessions.size);
      countMoved(this.#options.metrics, "srt", report);
    } else if (report.type === "ended") this.#close(report);
    else {
      const session = this.#sessions.get(report.call);
      if (session === undefined) return;
      if (report.type === "opened") this.#opened(session);
      else if (report.type === "reached") this.#reached(session);
      else if (report.type === "accepted") this.#tasks.run(() => this.#accepted(session));
      else if (report.type === "refused") this.#refusedByOrigin(session, report.reject);
      else this.#tryNext(session, report.isSilent);
    }
  }

  #begin({ call, stream, intent, client }: Extract<SrtReport, { type: "wanted" }>): void {
    const id = this.#options.newSession();
    const flags = { isOpen: false, isAsking: false, isOver: false };
    const from = formatAddress(client);
    const now = performance.now();
    const session: SrtSession = {
      call,
      id,
      stream,
      intent,
      client: from,
      failed: [],
      tried: [],
      bounds: new DialBounds(),
      startedAt: now,
      askedAt: now,
      ...flags,
    };
    this.#sessions.set(call, session);
    this.#tasks.run(() => this.#findOrigin(session));
  }

  async #findOrigin(session: SrtSession, failure?: ProxyError): Promise<void> {
    const { id, stream, intent, failed, call } = session;
    session.isAsking = true;
    try {
      const request = { stream, protocol: "srt", intent, session: id, failed } as const;
      const origin = await this.#options.resolver.resolve(request);
      const addresses = session.bounds.take(origin.endpoints.srt);
      if (addresses.length === 0) throw new ProxyError("no_origin", "Origin does not offer SRT");
      session.origin = origin;
      session.askedAt = performance.now();
      this.#thread.send({ type: "origin", call, addresses });
    } catch (thrown) {
      this.#refuse(session, failure ?? toProxyError(thrown));
    } finally {
      session.isAsking = false;
      if (session.isOver) this.#options.resolver.release(id);
    }
  }

  #tryNext(session: SrtSession, isSilent: boolean): void {
    const { origin, failed } = session;
    if (origin === undefined) return;
    this.#options.resolver.unreachable(origin.id, "srt");
    failed.push(origin.id);
    session.tried.push({
      origin: origin.id,
      code: isSilent ? "origin_timeout" : "origin_unreachable",
    });
    const failure = isSilent
      ? new ProxyError("origin_timeout", "Origin does not answer")
      : new ProxyError("origin_unreachable", "Cannot reach the origin");
    this.#countDial(failure.code);
    if (session.bounds.areReached) return this.#refuse(session, failure);
    this.#tasks.run(() => this.#findOrigin(session, failure));
  }

  /** The caller is told why, and the session is over. */
  #refuse(session: SrtSession, error: ProxyError): void {
    if (session.isOver) return;
    if (error.source === "internal") this.#options.onError(error);
    this.#thread.send({ type: "refuse", call: session.call, reject: error.srtReject });
    this.#end(session);
    this.#logRefusal(session, error);
  }

  #refusedByOrigin(session: SrtSession, reject: number): void {
    this.#end(session);
    session.tried.push({ origin: session.origin!.id, code: "origin_refused" });
    const cause = new Error(`Reject reason ${reject}`);
    this.#logRefusal(session, new ProxyError("origin_refused", "Origin refuses", { cause }));
  }

  #reached({ origin, askedAt }: SrtSession): void {
    const { resolver, metrics } = this.#options;
    resolver.reached(origin!.id, "srt");
    this.#countDial("reached");
    const seconds = (performance.now() - askedAt) / 1000;
    metrics.observe("srs_proxy_origin_dial_seconds", seconds, { protocol: "srt" });
  }

  /** A publisher hears that he may send only when the stream is his. */
  async #accepted(session: SrtSession): Promise<void> {
    const { id, call } = session;
    try {
      await this.#options.resolver.confirm(id);
      this.#thread.send({ type: "admit", call });
    } catch (error) {
      this.#refuse(session, toProxyError(error));
    }
  }

  #opened(session: SrtSession): void {
    const { id, stream, intent, client } = session;
    const { resolver, sessions, metrics } = this.#options;
    const origin = session.origin!.id;
    session.isOpen = true;
    if (intent === "play") resolver.confirm(id);
    sessions.opened({ session: id, protocol: "srt", intent, stream, origin, client });
    metrics.count("srs_proxy_srt_sessions_opened_total", { intent });
    const seconds = (performance.now() - session.startedAt) / 1000;
    metrics.observe("srs_proxy_first_byte_seconds", seconds, { protocol: "srt" });
  }

  #close({ call, reason, bytesIn, bytesOut }: Omit<Ended, "type">): void {
    const session = this.#sessions.get(call);
    if (session === undefined) return;
    this.#end(session);
    const { id, intent, isOpen } = session;
    if (!isOpen) {
      const [code, message] = FAILURES[reason] ?? ["draining", "Proxy is shutting down"];
      return this.#logRefusal(session, new ProxyError(code, message));
    }
    this.#options.sessions.closed({ session: id, reason, bytesIn, bytesOut });
    this.#options.metrics.count("srs_proxy_srt_sessions_closed_total", { intent, reason });
  }

  #end(session: SrtSession): void {
    session.isOver = true;
    this.#sessions.delete(session.call);
    if (!session.isAsking) this.#options.resolver.release(session.id);
    this.#checkIdle();
  }

  #logRefusal({ id, intent, stream, client, tried }: SrtSession, error: ProxyError): void {
    const { sessions, metrics } = this.#options;
    sessions.refused({ session: id, protocol: "srt", intent, stream, client, tried, error });
    metrics.count("srs_proxy_srt_refused_total", { reason: error.code });
  }

  #countDial(result: string): void {
    const labels = { protocol: "srt", result };
    this.#options.metrics.count("srs_proxy_origin_dials_total", labels);
  }

  #checkIdle(): void {
    if (this.#isDraining && this.#sessions.size === 0) this.#whenIdle.resolve();
  }
}

type Ended = Extract<SrtReport, { type: "ended" }>;
