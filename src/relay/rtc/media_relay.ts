// The WebRTC media relay as the rest of the program sees it: opens, starts and ends sessions, and
// keeps their registry records and log lines. Forwarders in the lanes move the datagrams and wait
// for nothing here. A lane learns of a session when the session's client sends a request there;
// with several addresses a client may be in several lanes.

import { ProxyError, toProxyError } from "../../core/errors.ts";
import { ExpiringMap } from "../../core/expiring_map.ts";
import type { Resolver, RoamingSessionLog, RtcSession, RtcSessions } from "../../core/contracts.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import { type OwnReport, UdpFront, type UdpFrontOptions, type UdpSession } from "../udp/front.ts";
import { ClientLocation, type Location } from "./client_location.ts";
import { KnownUsers, type KnownUsersMemory, knownUsersMemory } from "./known_users.ts";
import type {
  AgreedSession,
  MediaCommand,
  MediaEnd,
  MediaInit,
  MediaReport,
} from "./media_messages.ts";
import { UNUSED_RECORD_TTL } from "./open_sessions.ts";
import type { RtcMedia } from "./dependencies.ts";
import { type SessionPlace, SessionPlaces } from "./session_places.ts";

/** How often forwarders tick, milliseconds. */
const TICK = 500;
/** Sockets per session in the socket limit: most clients try two or three addresses. */
const PATHS_PER_SESSION = 2;
/** Lifetime of a session's registry record, and how often it is renewed, milliseconds. */
const RECORD_TTL = 60_000;
const RENEW = 20_000;
/** How often to look for sessions that have not begun in time, milliseconds. */
const SWEEP = 500;
/** How long a session may take to begin while the process drains, milliseconds. */
const DRAIN_START = 3_000;
/** Registry lookups of unknown users per second, for all lanes together. */
const LOOKUPS = { rate: 500, burst: 500 };

/** Limits that can change; durations in milliseconds. */
export interface RtcMediaLimits
  extends Pick<MediaInit, "consentTimeout" | "maxSessionsPerAddress"> {
  /** How long after its negotiation a session may take to begin. */
  readonly startTimeout: number;
}

/** If it leaves its port when it drains, the other proxies on that port take over its sessions. */
export interface RtcMediaOptions extends RtcMediaLimits, UdpFrontOptions {
  readonly sessions: RoamingSessionLog;
  readonly maxSessions: number;
  readonly resolver: Pick<Resolver, "release">;
  readonly rtcSessions: RtcSessions;
  newSession(): string;
}

/** A session whose media this process accepts. */
interface OpenSession extends UdpSession<string> {
  readonly rtc: RtcSession;
  /** What lanes are told about it. */
  agreed: AgreedSession;
  readonly place: SessionPlace;
  /** Lanes in which its client has proved itself. */
  readonly started: Set<number>;
  /** When it ends if it has not begun. */
  startBy: number;
  /** Why the lanes have been told to end it. */
  ending: MediaEnd | undefined;
  /** Where the client is, once it has begun; its stream is held at its origin from then on. */
  readonly location: ClientLocation;
}

type Started = Extract<MediaReport, { type: "started" }>;
type Located = Extract<MediaReport, { type: "located" }>;

/** A bound UDP port for the media of all WebRTC sessions. */
export class RtcMediaRelay
  extends UdpFront<string, MediaEnd, OpenSession, MediaInit, MediaCommand, MediaReport>
  implements RtcMedia {
  readonly #options: RtcMediaOptions;
  readonly #places: SessionPlaces;
  readonly #byUser = new Map<string, OpenSession>();
  readonly #memory: KnownUsersMemory;
  readonly #users: KnownUsers;
  readonly #lookups = new TokenBucket(LOOKUPS);
  /**
   * Users of sessions that did not begin in time, with the address that asked for each; their media
   * may still arrive.
   */
  readonly #late: ExpiringMap<string, string>;
  readonly #timers = new DisposableStack();
  #limits: RtcMediaLimits;
  #isHandedOver = false;

  private constructor(options: RtcMediaOptions) {
    super(options);
    const { maxSessions, clock } = options;
    this.#options = options;
    this.#limits = options;
    this.#memory = knownUsersMemory(maxSessions);
    this.#users = new KnownUsers(this.#memory);
    this.#places = new SessionPlaces(() => ({ ...this.#limits, maxSessions }));
    this.#late = new ExpiringMap({ capacity: 2 * maxSessions, ttl: UNUSED_RECORD_TTL });
    this.#timers.use(clock.every(RENEW, () => this.#renew()));
    this.#timers.use(clock.every(SWEEP, () => this.#sweep()));
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static async open(options: RtcMediaOptions): Promise<RtcMediaRelay> {
    const relay = new RtcMediaRelay(options);
    const init = relay.#initOf(options);
    try {
      await relay.openPort({ protocol: "rtc", tick: TICK, maxLinks: init.maxPaths, init });
      return relay;
    } catch (error) {
      relay.#timers.dispose();
      throw error;
    }
  }

  reserve(client: string): SessionPlace {
    this.#requireTaking();
    return this.#places.take(client);
  }

  open(rtc: RtcSession, place: SessionPlace, before?: string): Promise<void> {
    return Promise.try(() => void this.#agree(rtc, place, before));
  }

  end(user: string, reason: MediaEnd): void {
    const session = this.#byUser.get(user);
    if (session) this.endAll(session, reason);
  }

  /** Replaces the limits. */
  configure(limits: RtcMediaLimits): void {
    this.#limits = limits;
    this.forwarders.configure(this.#initOf(limits));
  }

  override drain(): void {
    const latest = this.#options.clock.now() + DRAIN_START;
    for (const session of this.sessions.values()) {
      session.startBy = Math.min(session.startBy, latest);
    }
    super.drain();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.dispose();
    await super[Symbol.asyncDispose]();
  }

  /**
   * Closes the port, which would otherwise keep getting a share of the datagrams. Clients prove
   * themselves every few seconds, and the proxy that gets their requests finds the sessions in the
   * registry.
   */
  protected override async leavePort(): Promise<void> {
    await Promise.all(Array.from(this.sessions.values(), ({ rtc }) => this.#keepRecord(rtc)));
    this.#isHandedOver = true;
    await this.closePort();
  }

  protected override endAll(session: OpenSession, reason: MediaEnd): void {
    if (session.ending !== undefined) return;
    session.ending = reason;
    super.endAll(session, reason);
    if (session.parts.size === 0) this.#over(session, reason);
  }

  #initOf({ consentTimeout, maxSessionsPerAddress }: RtcMediaLimits): MediaInit {
    const maxPaths = this.#options.maxSessions * PATHS_PER_SESSION;
    const { count: lanes } = this.#options.lanes;
    return { users: this.#memory, lanes, consentTimeout, maxSessionsPerAddress, maxPaths };
  }

  #requireTaking(): void {
    if (this.isDraining) throw new ProxyError("draining", "Server is shutting down");
  }

  /** Adds the session; from now on every lane that asks is told about it. */
  #agree(rtc: RtcSession, place: SessionPlace, before?: string): OpenSession {
    this.#requireTaking();
    const { user, password, media, otherMedia } = rtc;
    const known = this.#byUser.get(user);
    // A client can cause this, because SRS lets it choose both halves of the name.
    if (known && (known.ending !== undefined || known.rtc.password !== password)) {
      throw new ProxyError("bad_request", "Cannot use these ICE credentials: they are in use");
    }
    if (known === undefined) return this.#add(rtc, place.handOn(), before);
    known.agreed = { ...known.agreed, media, otherMedia };
    for (const lane of known.parts.keys()) this.#tell(lane, known);
    return known;
  }

  #add(rtc: RtcSession, place: SessionPlace, before: string | undefined): OpenSession {
    const { user, password, media, otherMedia } = rtc;
    const session: OpenSession = {
      ...{ rtc, place, id: this.#options.newSession() },
      agreed: { user, password, media, otherMedia, isCounted: place.client !== undefined, before },
      ...{ parts: new Map(), flows: new Map(), started: new Set(), bytesIn: 0, bytesOut: 0 },
      startBy: this.#options.clock.now() + this.#limits.startTimeout,
      ...{ ending: undefined, location: new ClientLocation() },
    };
    this.sessions.set(session.id, session);
    this.#byUser.set(user, session);
    this.#users.add(user);
    return session;
  }

  /**
   * @param isWanted whether the lane drops it again unless the requests it holds prove the client
   */
  #tell(lane: number, { agreed, parts }: OpenSession, isWanted = false): void {
    const isElsewhere = parts.size > 0 && !parts.has(lane);
    parts.set(lane, agreed.user);
    const told = { ...agreed, isElsewhere };
    const isThere = this.forwarders.send(lane, { type: "open", session: told, isWanted });
    if (!isThere) parts.delete(lane);
  }

  protected override find(_lane: number, user: string): OpenSession | undefined {
    return this.#byUser.get(user);
  }

  protected override take(lane: number, report: OwnReport<MediaReport>): void {
    if (report.type === "wanted") this.#wanted(lane, report.user);
    else if (report.type === "started") this.#started(lane, report);
    else if (report.type === "located") this.#located(lane, report);
    else this.#byUser.get(report.user)?.place.proved(report.client.host);
  }

  #wanted(lane: number, user: string): void {
    const session = this.#byUser.get(user);
    if (session && session.ending === undefined) return this.#tell(lane, session);
    if (session || this.isDraining || !this.#lookups.take(this.#options.clock.now())) {
      return this.#tellUnknown(lane, user);
    }
    this.tasks.run(() => this.#lookUp(lane, user));
  }

  #tellUnknown(lane: number, user: string): void {
    this.forwarders.send(lane, { type: "unknown", user });
  }

  /** Looks for a session negotiated at another proxy, or here but not begun in time. */
  async #lookUp(lane: number, user: string): Promise<void> {
    const { rtcSessions } = this.#options;
    let found: RtcSession | undefined;
    try {
      found = await rtcSessions.session(user);
    } catch {
      // The registry cannot tell now; the client will ask again, and so will the lane.
    }
    try {
      if (found && !this.isDraining) {
        using place = this.#places.take(this.#late.get(user, this.#options.clock.now()));
        return this.#tell(lane, this.#agree(found, place), true);
      }
    } catch (error) {
      this.#refuse(found!, toProxyError(error));
    }
    // It may have been negotiated here meanwhile.
    const session = this.#byUser.get(user);
    if (session && session.ending === undefined) this.#tell(lane, session);
    else this.#tellUnknown(lane, user);
  }

  #refuse({ stream, intent }: RtcSession, error: ProxyError): void {
    const request = { protocol: "rtc", intent, stream, client: "" };
    this.#options.sessions.refused({ ...request, error });
  }

  /** The client has proved itself in a lane, by the first of its addresses there. */
  #started(lane: number, report: Started): void {
    const session = this.#byUser.get(report.user);
    if (session === undefined) return;
    session.started.add(lane);
    if (session.location.current || session.ending !== undefined) return;
    session.place.begun(report.client.host);
    this.#begin(session, session.location.begin(report));
  }

  #begin(session: OpenSession, location: Location): void {
    const { rtc, id } = session;
    const { stream, intent, origin } = rtc;
    const { sessions } = this.#options;
    this.tasks.run(() => this.#holdStream(session));
    const about = { session: id, protocol: "rtc", intent, stream, origin };
    sessions.opened({ ...about, ...location });
    this.#options.metrics.count("srs_proxy_rtc_sessions_opened_total", { intent });
    this.tasks.run(() => this.#keepRecord(rtc));
  }

  #located(lane: number, { user, place }: Located): void {
    const session = this.#byUser.get(user);
    if (session === undefined) return;
    session.location.told(lane, place);
    this.#locate(session);
  }

  protected override flowed(session: OpenSession): void {
    if (session.location.lanes > 1) this.#locate(session);
  }

  #locate({ id: session, location, flows, ending }: OpenSession): void {
    const moved = ending === undefined ? location.moved(flows) : undefined;
    if (moved) this.#options.sessions.moved({ session, ...moved });
  }

  /** Holds the stream at the session's origin. Without a registry the session continues. */
  async #holdStream(session: OpenSession): Promise<void> {
    try {
      await this.#options.rtcSessions.holdStream(session.id, session.rtc);
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      if (error.code === "stream_busy") this.endAll(session, "stream_busy");
    }
  }

  /** A session ends when the last lane with its client has ended it. */
  protected override partEnded(session: OpenSession, lane: number, reason: MediaEnd): void {
    const wasStarted = session.started.delete(lane);
    session.location.told(lane, undefined);
    this.#locate(session);
    if (session.parts.size === 0) {
      // A session that had not begun when its lane failed may begin in another one.
      const isOver = reason !== "lane_failed" || session.location.current !== undefined;
      if (isOver || session.ending !== undefined) this.#over(session, session.ending ?? reason);
    } else if (wasStarted && session.started.size === 0) this.endAll(session, reason);
  }

  #over(session: OpenSession, why: MediaEnd): void {
    const reason = this.#isHandedOver ? "handed_over" : why;
    const { rtc: { intent, user }, id, place, location, bytesIn, bytesOut } = session;
    this.sessions.delete(id);
    this.#byUser.delete(user);
    this.#users.remove(user);
    this.checkIdle();
    place[Symbol.dispose]();
    if (location.current === undefined) {
      if (place.client !== undefined) this.#late.set(user, place.client, this.#options.clock.now());
      // Its media may have moved to another proxy, which keeps the record.
      this.#options.metrics.count("srs_proxy_rtc_sessions_unused_total", { reason });
      return;
    }
    this.#options.resolver.release(id);
    this.#options.sessions.closed({ session: id, reason, bytesIn, bytesOut });
    this.#options.metrics.count("srs_proxy_rtc_sessions_closed_total", { intent, reason });
    if (this.#isHandedOver) return;
    this.tasks.run(() => this.#options.rtcSessions.endSession(user).catch(() => {}));
  }

  #sweep(): void {
    const now = this.#options.clock.now();
    for (const session of this.sessions.values()) {
      if (session.location.current === undefined && now > session.startBy) {
        this.endAll(session, "never_started");
      }
    }
  }

  #renew(): void {
    this.#late.expire(this.#options.clock.now());
    for (const { rtc, location } of this.sessions.values()) {
      if (location.current) this.tasks.run(() => this.#keepRecord(rtc));
    }
  }

  /**
   * Renews the record. If the registry is unreachable the next renewal will do; the session does
   * not depend on it.
   */
  async #keepRecord(rtc: RtcSession): Promise<void> {
    try {
      await this.#options.rtcSessions.putSession(rtc, RECORD_TTL);
    } catch {
      this.#options.metrics.count("srs_proxy_registry_errors_total");
    }
  }
}
