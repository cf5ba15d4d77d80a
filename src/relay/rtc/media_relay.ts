// The WebRTC media relay as the rest of the program sees it: sessions that are set up, started and
// ended, their place in the registry and in the log. A thread of its own moves the datagrams and
// waits for nothing here.

import { within } from "../../core/clock.ts";
import { formatAddress } from "../../core/endpoint.ts";
import { ProxyError, toProxyError } from "../../core/errors.ts";
import { ExpiringMap } from "../../core/expiring_map.ts";
import type { Address } from "../../core/address.ts";
import type { Resolver, RtcSession, RtcSessions, SessionLog } from "../../core/contracts.ts";
import { type OwnReport, UdpFront, type UdpFrontOptions } from "../udp/front.ts";
import type { SessionEnd } from "../udp/messages.ts";
import type { MediaCommand, MediaEnd, MediaInit, MediaReport } from "./media_messages.ts";
import { UNUSED_RECORD_TTL } from "./open_sessions.ts";
import type { RtcMedia } from "./dependencies.ts";
import { type SessionPlace, SessionPlaces } from "./session_places.ts";

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

/**
 * What the relay needs of its surroundings. Others that have its port when it drains take its sessions
 * over.
 */
export interface RtcMediaOptions extends RtcMediaLimits, UdpFrontOptions {
  readonly maxSessions: number;
  readonly resolver: Pick<Resolver, "release">;
  readonly rtcSessions: RtcSessions;
  readonly sessions: SessionLog;
  newSession(): string;
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
  /** Whether its media flow, so that its stream is held at its origin. */
  hasBegun: boolean;
}

/** A bound UDP port for the media of all WebRTC sessions. */
export class RtcMediaRelay
  extends UdpFront<string, MediaEnd, OpenSession, MediaInit, MediaCommand, MediaReport>
  implements RtcMedia {
  readonly name = "WebRTC thread";
  readonly #options: RtcMediaOptions;
  readonly #places: SessionPlaces;
  /** Who has asked for sessions that have not begun in time; their media may still come. */
  readonly #late: ExpiringMap<string, string>;
  readonly #renewer: Disposable;
  #limits: RtcMediaLimits;
  #isHandedOver = false;

  private constructor(options: RtcMediaOptions) {
    super(options);
    const { maxSessions } = options;
    this.#options = options;
    this.#limits = options;
    this.#places = new SessionPlaces(() => ({ ...this.#limits, maxSessions }));
    this.#late = new ExpiringMap({ capacity: 2 * maxSessions, ttl: UNUSED_RECORD_TTL });
    this.#renewer = options.clock.every(RENEW, () => this.#renew());
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static async open(options: RtcMediaOptions): Promise<RtcMediaRelay> {
    const relay = new RtcMediaRelay(options);
    const init = relay.#initOf(options);
    const kind = { module: MODULE, protocol: "rtc", name: "WebRTC", tick: TICK } as const;
    try {
      await relay.openThread({ ...kind, maxLinks: init.maxPaths, init });
      return relay;
    } catch (error) {
      relay.#renewer[Symbol.dispose]();
      throw error;
    }
  }

  reserve(client: string): SessionPlace {
    this.#requireTaking();
    return this.#places.take(client);
  }

  async open(rtc: RtcSession, place: SessionPlace, before?: string): Promise<void> {
    await this.#open(rtc, place, { isWanted: false, before });
  }

  override end(user: string, reason: MediaEnd): void {
    const session = this.sessions.get(user);
    if (session === undefined) return;
    session.isEnding = true;
    super.end(user, reason);
  }

  /** Takes over other limits. */
  configure(limits: RtcMediaLimits): void {
    this.#limits = limits;
    this.thread.configure(this.#initOf(limits));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#renewer[Symbol.dispose]();
    await super[Symbol.asyncDispose]();
  }

  /**
   * The port would go on to get half of what is for others. Clients prove themselves to whoever has it
   * every few seconds, who finds their sessions in the registry.
   */
  protected override async leavePort(): Promise<void> {
    await Promise.all(Array.from(this.sessions.values(), ({ rtc }) => this.#keepRecord(rtc)));
    this.#isHandedOver = true;
    await this.endThread();
  }

  #initOf({ startTimeout, consentTimeout, maxSessionsPerAddress }: RtcMediaLimits): MediaInit {
    const maxPaths = this.#options.maxSessions * PATHS_PER_SESSION;
    return { startTimeout, consentTimeout, maxSessionsPerAddress, maxPaths };
  }

  #requireTaking(): void {
    if (this.isDraining) throw new ProxyError("draining", "Server is shutting down");
  }

  /** @param how `isWanted`: its client has asked already; `before`: what it was before a restart */
  async #open(rtc: RtcSession, place: SessionPlace, how: HowOpened): Promise<void> {
    this.#requireTaking();
    const { user, password, media } = rtc;
    const session = this.sessions.get(user) ?? this.#add(rtc, place.handOn());
    // A client can bring this about, since SRS lets it choose both halves of the name.
    if (session.isEnding || session.rtc.password !== password) {
      throw new ProxyError("bad_request", "Cannot use these ICE credentials: they are in use");
    }
    const { isWanted, before } = how;
    const isCounted = session.place.client !== undefined;
    const said = { user, password, media, isCounted, before };
    this.thread.send({ type: "open", session: said, isWanted });
    await this.#untilKnown(session);
  }

  #add(rtc: RtcSession, place: SessionPlace): OpenSession {
    const known = Promise.withResolvers<void>();
    known.promise.catch(() => {});
    const id = this.#options.newSession();
    const session = { rtc, id, place, known, isEnding: false, hasBegun: false };
    this.sessions.set(rtc.user, session);
    return session;
  }

  async #untilKnown({ rtc, known }: OpenSession): Promise<void> {
    try {
      await within(this.#options.clock, TAKE_OVER, known.promise, () => {
        throw new ProxyError("overloaded", "Cannot take more WebRTC sessions now");
      });
    } catch (error) {
      this.end(rtc.user, "never_started");
      throw error;
    }
  }

  protected override take(report: OwnReport<MediaReport>): void {
    if (report.type === "known") this.#acknowledge(report.user);
    else if (report.type === "wanted") this.tasks.run(() => this.#lookUp(report.user));
    else if (report.type === "started") this.#start(report.user, report.client);
    else this.sessions.get(report.user)?.place.proved(report.client.host);
  }

  /** A session that has ended here while the thread opened it anew is nobody's. */
  #acknowledge(user: string): void {
    const session = this.sessions.get(user);
    if (session) session.known.resolve();
    else super.end(user, "never_started");
  }

  /** A session may have been agreed upon at another proxy, or here and not begun in time. */
  async #lookUp(user: string): Promise<void> {
    if (this.sessions.has(user)) return;
    const { rtcSessions } = this.#options;
    let found: RtcSession | undefined;
    try {
      found = await rtcSessions.session(user);
    } catch {
      // The registry cannot tell now: the client asks again, and so will this.
    }
    try {
      if (found && !this.isDraining) {
        using place = this.#places.take(this.#late.get(user, this.#options.clock.now()));
        return await this.#open(found, place, { isWanted: true });
      }
    } catch (error) {
      this.#refuse(found!, toProxyError(error));
    }
    this.thread.send({ type: "unknown", user });
  }

  #refuse({ stream, intent }: RtcSession, error: ProxyError): void {
    const request = { protocol: "rtc", intent, stream, client: "" };
    this.#options.sessions.refused({ ...request, error });
  }

  #start(user: string, client: Address): void {
    const session = this.sessions.get(user);
    if (session === undefined) return;
    const { rtc, id, place } = session;
    place.begun(client.host);
    const { stream, intent, origin } = rtc;
    const { sessions } = this.#options;
    session.hasBegun = true;
    this.tasks.run(() => this.#holdStream(session));
    const address = formatAddress(client);
    sessions.opened({ session: id, protocol: "rtc", intent, stream, origin, client: address });
    this.#options.metrics.count("srs_proxy_rtc_sessions_opened_total", { intent });
    this.tasks.run(() => this.#keepRecord(rtc));
  }

  /** Without a registry the session goes on. */
  async #holdStream({ id, rtc }: OpenSession): Promise<void> {
    try {
      await this.#options.rtcSessions.holdStream(id, rtc);
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      if (error.code === "stream_busy") this.end(rtc.user, "stream_busy");
    }
  }

  protected override sessionEnded(
    { key: user, reason: why, bytesIn, bytesOut }: SessionEnd<string, MediaEnd>,
  ): void {
    const session = this.sessions.get(user);
    if (session === undefined) return;
    const reason = this.#isHandedOver ? "handed_over" : why;
    this.sessions.delete(user);
    this.checkIdle();
    const { rtc: { intent }, id, place, known, hasBegun } = session;
    place[Symbol.dispose]();
    known.reject(new ProxyError("overloaded", "Cannot take this WebRTC session"));
    if (!hasBegun) {
      if (place.client !== undefined) this.#late.set(user, place.client, this.#options.clock.now());
      // Its media may have gone to another proxy, which keeps the record.
      this.#options.metrics.count("srs_proxy_rtc_sessions_unused_total", { reason });
      return;
    }
    this.#options.resolver.release(id);
    this.#options.sessions.closed({ session: id, reason, bytesIn, bytesOut });
    this.#options.metrics.count("srs_proxy_rtc_sessions_closed_total", { intent, reason });
    if (this.#isHandedOver) return;
    this.tasks.run(() => this.#options.rtcSessions.endSession(user).catch(() => {}));
  }

  #renew(): void {
    this.#late.expire(this.#options.clock.now());
    for (const { rtc, hasBegun } of this.sessions.values()) {
      if (hasBegun) this.tasks.run(() => this.#keepRecord(rtc));
    }
  }

  /** A registry that is away hears of it the next time; the session needs nobody meanwhile. */
  async #keepRecord(rtc: RtcSession): Promise<void> {
    try {
      await this.#options.rtcSessions.putSession(rtc, RECORD_TTL);
    } catch {
      this.#options.metrics.count("srs_proxy_registry_errors_total");
    }
  }
}

interface HowOpened {
  readonly isWanted: boolean;
  readonly before?: string | undefined;
}
