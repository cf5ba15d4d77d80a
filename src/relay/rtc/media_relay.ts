// The WebRTC media relay as the rest of the program sees it: sessions that are set up, started and
// ended, their place in the registry and in the log. A thread of its own moves the datagrams and
// waits for nothing here.

import type { ListenAddress } from "../../core/endpoint.ts";
import { formatAddress } from "../../core/endpoint.ts";
import { ProxyError, toProxyError } from "../../core/errors.ts";
import { ExpiringMap } from "../../core/expiring_map.ts";
import type { Address } from "../../core/origin.ts";
import type {
  EndedBy,
  Metrics,
  RelaySessions,
  Resolver,
  RtcSession,
  RtcSessions,
  SessionLog,
} from "../../core/ports.ts";
import { Deadline } from "../../net/deadline.ts";
import { TaskGroup } from "../../net/task_group.ts";
import type { UdpEngineChoice } from "../../net/udp/engine.ts";
import type { UdpEngine } from "../../net/udp/port.ts";
import { UdpThread } from "../../net/udp/thread.ts";
import { countLost, countMoved } from "../udp_figures.ts";
import type { MediaCommand, MediaInit, MediaReport } from "./media_messages.ts";
import { UNUSED_RECORD_TTL } from "./open_sessions.ts";
import type { RtcMedia } from "./ports.ts";
import { type SessionPlace, SessionPlaces } from "./session_places.ts";
import { StreamHold } from "./stream_hold.ts";

const MODULE = new URL("./media_worker.ts", import.meta.url);
/** How often the thread looks at its clock, milliseconds. */
const TICK = 100;
/** Sockets for each session that may be open: most clients try two or three addresses. */
const PATHS_PER_SESSION = 2;
/** Life of a session's record in the registry, and how often it is prolonged, milliseconds. */
const RECORD_TTL = 60_000;
const RENEW = 20_000;
/** How long the thread may take to take a session over, milliseconds. */
const TAKE_OVER = 5_000;

/** Limits that can change; durations in milliseconds. */
export type RtcMediaLimits = Omit<MediaInit, "maxPaths">;

/** What the relay needs of its surroundings. */
export interface RtcMediaOptions extends RtcMediaLimits {
  readonly listen: ListenAddress;
  readonly engine: UdpEngineChoice;
  readonly reusePort?: boolean;
  /**
   * Whether others that listen on the same port and ask the same registry take the sessions over when
   * this one drains; without `reusePort` they cannot.
   */
  readonly handsOver?: boolean;
  readonly maxSessions: number;
  readonly resolver: Resolver;
  readonly rtcSessions: RtcSessions;
  readonly sessions: SessionLog;
  readonly metrics: Metrics;
  newSession(): string;
  /** Told of errors that are nobody's fault but the program's. */
  onError(error: unknown): void;
}

/** A session that this process takes media of. */
interface OpenSession {
  readonly rtc: RtcSession;
  /** Id in the log. */
  readonly id: string;
  readonly place: SessionPlace;
  /** Settled once the thread has taken it over, or never will. */
  readonly known: PromiseWithResolvers<void>;
  /** Whether the thread has been told to end it. */
  isEnding: boolean;
  /** Keeps the stream at its origin once the session has begun. */
  hold?: StreamHold;
}

/** A bound UDP port for the media of all WebRTC sessions. */
export class RtcMediaRelay implements RtcMedia, RelaySessions, AsyncDisposable {
  /** For a watchdog. */
  readonly name = "WebRTC thread";
  readonly #options: RtcMediaOptions;
  readonly #sessions = new Map<string, OpenSession>();
  readonly #places: SessionPlaces;
  /** Who has asked for sessions that have not begun in time; their media may still come. */
  readonly #late: ExpiringMap<string, string>;
  readonly #tasks: TaskGroup;
  readonly #renewer: ReturnType<typeof setInterval>;
  #thread!: UdpThread<MediaInit, MediaCommand, MediaReport>;
  #limits: RtcMediaLimits;
  #isDraining = false;
  #isHandedOver = false;
  #whenIdle = Promise.withResolvers<void>();

  private constructor(options: RtcMediaOptions) {
    const { maxSessions } = options;
    this.#options = options;
    this.#limits = options;
    this.#places = new SessionPlaces(() => ({ ...this.#limits, maxSessions }));
    this.#late = new ExpiringMap({ capacity: 2 * maxSessions, ttl: UNUSED_RECORD_TTL });
    this.#tasks = new TaskGroup(options.onError);
    this.#renewer = setInterval(() => this.#renew(), RENEW);
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static async open(options: RtcMediaOptions): Promise<RtcMediaRelay> {
    const relay = new RtcMediaRelay(options);
    try {
      relay.#thread = await relay.#openThread();
      return relay;
    } catch (error) {
      clearInterval(relay.#renewer);
      throw error;
    }
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

  reserve(client: string): SessionPlace {
    this.#requireTaking();
    return this.#places.take(client);
  }

  async open(rtc: RtcSession, place: SessionPlace, before?: string): Promise<void> {
    await this.#open(rtc, place, { isWanted: false, ...(before === undefined ? {} : { before }) });
  }

  end(user: string, reason: string): void {
    const session = this.#sessions.get(user);
    if (session === undefined) return;
    session.isEnding = true;
    this.#thread.send({ type: "close", user, reason });
  }

  /** Takes no new session; those that have begun go on, here or where they are handed over to. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    if (this.#options.handsOver === true) return this.#tasks.run(() => this.#handOver());
    this.#thread.send({ type: "drain" });
    this.#checkIdle();
  }

  /** Takes over other limits. */
  configure(limits: RtcMediaLimits): void {
    this.#limits = limits;
    this.#thread.configure(this.#initOf(limits));
  }

  /** Resolves once the thread has shown that it goes on. */
  beat(): Promise<void> {
    return this.#thread.beat();
  }

  /** Ends all sessions. */
  kill(): void {
    for (const user of this.#sessions.keys()) this.end(user, "shutdown");
  }

  endSession(session: string, reason: EndedBy): boolean {
    for (const [user, { id }] of this.#sessions) {
      if (id !== session) continue;
      this.end(user, reason);
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
    clearInterval(this.#renewer);
    await this.#endThread();
    await this.#tasks.idle();
  }

  async #endThread(): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
    // A thread that was ended by force has reported nothing.
    for (const user of [...this.#sessions.keys()]) {
      this.#close({ user, reason: "shutdown", bytesIn: 0, bytesOut: 0 });
    }
    this.#checkIdle();
  }

  #openThread(): Promise<UdpThread<MediaInit, MediaCommand, MediaReport>> {
    const { listen, engine: choice, reusePort = false } = this.#options;
    const init = this.#initOf(this.#options);
    return UdpThread.open({
      module: MODULE,
      name: "WebRTC",
      choice,
      engine: { listen, tick: TICK, maxLinks: init.maxPaths, reusePort },
      init,
      onReport: (report) => this.#take(report),
      onFigures: (lost) => countLost(this.#options.metrics, "rtc", lost),
    });
  }

  /**
   * Leaves the port, which would go on to get half of what is for others. Clients prove themselves to
   * whoever has it every few seconds, who finds their sessions in the registry.
   */
  async #handOver(): Promise<void> {
    await Promise.all(Array.from(this.#sessions.values(), ({ rtc }) => this.#keepRecord(rtc)));
    this.#isHandedOver = true;
    await this.#endThread();
  }

  #initOf({ startTimeout, consentTimeout, maxSessionsPerAddress }: RtcMediaLimits): MediaInit {
    const maxPaths = this.#options.maxSessions * PATHS_PER_SESSION;
    return { startTimeout, consentTimeout, maxSessionsPerAddress, maxPaths };
  }

  #requireTaking(): void {
    if (this.#isDraining) throw new ProxyError("draining", "Server is shutting down");
  }

  /** @param how `isWanted`: its client has asked already; `before`: what it was before a restart */
  async #open(rtc: RtcSession, place: SessionPlace, how: HowOpened): Promise<void> {
    this.#requireTaking();
    const { user, password, media } = rtc;
    const session = this.#sessions.get(user) ?? this.#add(rtc, place.handOn());
    // A client can bring this about, since SRS lets it choose both halves of the name.
    if (session.isEnding || session.rtc.password !== password) {
      throw new ProxyError("bad_request", "Cannot use these ICE credentials: they are in use");
    }
    const { isWanted, before } = how;
    const isCounted = session.place.client !== undefined;
    const said = { user, password, media, isCounted, ...(before === undefined ? {} : { before }) };
    this.#thread.send({ type: "open", session: said, isWanted });
    await this.#untilKnown(session);
  }

  #add(rtc: RtcSession, place: SessionPlace): OpenSession {
    const known = Promise.withResolvers<void>();
    known.promise.catch(() => {});
    const session = { rtc, id: this.#options.newSession(), place, known, isEnding: false };
    this.#sessions.set(rtc.user, session);
    return session;
  }

  async #untilKnown({ rtc, known }: OpenSession): Promise<void> {
    const late = new ProxyError("overloaded", "Cannot take more WebRTC sessions now");
    using _deadline = new Deadline(TAKE_OVER, () => known.reject(late));
    try {
      await known.promise;
    } catch (error) {
      this.end(rtc.user, "never_started");
      throw error;
    }
  }

  #take(report: MediaReport): void {
    if (report.type === "known") this.#acknowledge(report.user);
    else if (report.type === "wanted") this.#tasks.run(() => this.#lookUp(report.user));
    else if (report.type === "started") this.#start(report.user, report.client);
    else if (report.type === "keyed") {
      this.#sessions.get(report.user)?.place.proved(report.client.host);
    } else if (report.type === "ended") this.#close(report);
    else {
      this.#options.metrics.gauge("srs_proxy_rtc_sessions", this.#sessions.size);
      countMoved(this.#options.metrics, "rtc", report);
    }
  }

  /** A session that has ended here while the thread opened it anew is nobody's. */
  #acknowledge(user: string): void {
    const session = this.#sessions.get(user);
    if (session) session.known.resolve();
    else this.#thread.send({ type: "close", user, reason: "never_started" });
  }

  /** A session may have been agreed upon at another proxy, or here and not begun in time. */
  async #lookUp(user: string): Promise<void> {
    if (this.#sessions.has(user)) return;
    const { rtcSessions } = this.#options;
    let found: RtcSession | undefined;
    try {
      found = await rtcSessions.session(user);
    } catch {
      // The registry cannot tell now: the client asks again, and so will this.
    }
    try {
      if (found && !this.#isDraining) {
        using place = this.#places.take(this.#late.get(user, performance.now()));
        return await this.#open(found, place, { isWanted: true });
      }
    } catch (error) {
      this.#refuse(found!, toProxyError(error));
    }
    this.#thread.send({ type: "unknown", user });
  }

  #refuse({ stream, intent }: RtcSession, error: ProxyError): void {
    const request = { protocol: "rtc", intent, stream, client: "" };
    this.#options.sessions.refused({ ...request, error });
  }

  #start(user: string, client: Address): void {
    const session = this.#sessions.get(user);
    if (session === undefined) return;
    const { rtc, id, place } = session;
    place.begun(client.host);
    const { stream, intent, origin } = rtc;
    const { resolver, sessions } = this.#options;
    session.hold = new StreamHold({ resolver, session: id, stream, intent, origin });
    this.#tasks.run(async () => {
      if (!await session.hold!.take()) this.end(user, "stream_busy");
    });
    const address = formatAddress(client);
    sessions.opened({ session: id, protocol: "rtc", intent, stream, origin, client: address });
    this.#count("srs_proxy_rtc_sessions_opened_total", { intent });
    this.#tasks.run(() => this.#keepRecord(rtc));
  }

  #close({ user, reason: why, bytesIn, bytesOut }: Omit<Ended, "type">): void {
    const session = this.#sessions.get(user);
    if (session === undefined) return;
    const reason = this.#isHandedOver ? "handed_over" : why;
    this.#sessions.delete(user);
    this.#checkIdle();
    const { rtc: { intent }, id, place, known, hold } = session;
    place[Symbol.dispose]();
    known.reject(new ProxyError("overloaded", "Cannot take this WebRTC session"));
    if (hold === undefined) {
      if (place.client !== undefined) this.#late.set(user, place.client, performance.now());
      // Its media may have gone to another proxy, which keeps the record.
      this.#count("srs_proxy_rtc_sessions_unused_total", { reason });
      return;
    }
    hold.release();
    this.#options.sessions.closed({ session: id, reason, bytesIn, bytesOut });
    this.#count("srs_proxy_rtc_sessions_closed_total", { intent, reason });
    if (this.#isHandedOver) return;
    this.#tasks.run(() => this.#options.rtcSessions.endSession(user).catch(() => {}));
  }

  #renew(): void {
    this.#late.expire(performance.now());
    for (const { rtc, hold } of this.#sessions.values()) {
      if (hold) this.#tasks.run(() => this.#keepRecord(rtc));
    }
  }

  /** A registry that is away hears of it the next time; the session needs nobody meanwhile. */
  async #keepRecord(rtc: RtcSession): Promise<void> {
    try {
      await this.#options.rtcSessions.putSession(rtc, RECORD_TTL);
    } catch {
      this.#count("srs_proxy_registry_errors_total", {});
    }
  }

  #count(name: string, labels: Record<string, string>, by = 1): void {
    this.#options.metrics.count(name, labels, by);
  }

  #checkIdle(): void {
    if (this.#isDraining && this.#sessions.size === 0) this.#whenIdle.resolve();
  }
}

interface HowOpened {
  readonly isWanted: boolean;
  readonly before?: string;
}

type Ended = Extract<MediaReport, { type: "ended" }>;
