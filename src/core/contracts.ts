// The interfaces through which relays and the API use the registry, the session log and the metrics
// without importing them. All arguments and results are plain data, so that each of these can be on the
// other side of a message channel.

import type { ErrorCode, ProxyError } from "./errors.ts";
import type { LabelledName, LabelsOf, PlainName } from "./metric_table.ts";
import type { Address } from "./address.ts";
import type { ChangeCounts, ChangeStamp } from "./change_counts.ts";
import type { Transport } from "./fleet.ts";
import type { Flowed } from "./flow_meter.ts";
import type { Origin, Protocol } from "./origin.ts";

/** A client's request to publish or play a stream. */
export interface StreamRequest {
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  readonly protocol: Protocol;
  readonly intent: "publish" | "play";
  /** Identifies the session in `confirm` and `release`; unique in this process. */
  readonly session: string;
  /** Ids of the origins that this request has already tried in vain. */
  readonly failed: readonly string[];
}

/** Finds the origin that owns a stream, and keeps it the owner while the stream is used. */
export interface Resolver {
  /**
   * Chooses the origin for a stream: its owner, or a newly picked one, which owns it from now on. Call it
   * again with that origin's id in `failed` to move the stream to another one. A live stream, whose
   * publisher runs at whichever proxy, is never moved; nor does a viewer move a stream that a confirmed
   * session of this process uses at that origin. Every call must be followed by one `release` of the
   * same session.
   *
   * @throws ProxyError `no_origin` when none offers the protocol or all have failed, `origin_unreachable`
   * when the stream runs at an origin that has failed this viewer, `stream_busy` when it runs at one that
   * has failed this publisher, `registry_unavailable` when the registry does not answer in time
   */
  resolve(request: StreamRequest): Promise<Origin>;
  /**
   * Says that the origin serves the session: the mapping then outlives it by the stream's idle time. A
   * publisher makes the stream live, and its relay waits for this before it tells the client. A
   * viewer's relay need not wait.
   *
   * @throws ProxyError `stream_busy` when the stream has become live at another origin: this publisher
   * must be ended there, and refused. Never for a viewer.
   */
  confirm(session: string): Promise<void>;
  /** Ends the session. A stream whose sessions were never confirmed is forgotten at once. */
  release(session: string): void;
  /**
   * Says that the origin did not answer in this protocol: a dial or a handshake of our own failed,
   * whatever the client did. The origin is set aside for this protocol, longer with each failure, and
   * probed; its other protocols are not affected. Not to be called for an origin's reaction to bytes
   * from a client.
   */
  unreachable(origin: string, protocol: Protocol): void;
  /** Says that the origin answered in this protocol: earlier failures in it are forgotten. */
  reached(origin: string, protocol: Protocol): void;
}

/** A request for part of a stream, such as a segment, that may name the origin itself. */
export interface PartRequest {
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  /** `originTagOf` the id of the origin that has it; if absent, the owner of the stream is meant. */
  readonly originTag?: string | undefined;
  readonly protocol: Protocol;
  readonly failed: readonly string[];
}

/** Finds the origins of segments; being asked for them makes no origin own a stream. */
export interface PartLocator {
  /**
   * The origin that the tag names, or, if that is gone or has failed, the owner of the stream. Makes no
   * mapping and needs no release.
   *
   * @throws ProxyError `not_found` when there is neither, `registry_unavailable`
   */
  locate(request: PartRequest): Promise<Origin>;
  /**
   * The origin that owns the stream now, whatever protocols it offers; undefined if there is none.
   * Neither makes nor prolongs a mapping.
   *
   * @throws ProxyError `registry_unavailable`
   */
  owner(stream: string): Promise<StreamOwner | undefined>;
}

export interface StreamOwner {
  readonly origin: Origin;
  /** Whether it has served the stream, rather than only been chosen for it. */
  readonly confirmed: boolean;
  /** Whether a publisher runs there. */
  readonly live: boolean;
}

/** How long an answer may be reused: as long as its stamp holds, but no longer than this. */
export interface Standing {
  readonly stamp: ChangeStamp;
  /** Milliseconds, counted from the question. */
  readonly left: number;
}

/** An answer; without `standing` it may not be reused. */
export interface StandingAnswer<T> {
  readonly answer: T;
  readonly standing: Standing | undefined;
}

/** A mapping by which viewers find an origin. */
export interface StreamPlace {
  /** The key under which the stream is mapped. */
  readonly stream: string;
  readonly origin: Origin;
  /** The epoch of the mapping, to tell whoever relies on it from those that rely on an older one. */
  readonly epoch: number;
}

/** A viewer that was given an origin from a reused answer. */
export interface JoiningViewer {
  readonly session: string;
  readonly protocol: Protocol;
  /** As in `StreamPlace`. */
  readonly stream: string;
  /** Id of the origin. */
  readonly origin: string;
  readonly epoch: number;
}

/** Gives answers that other threads may reuse, and is told which viewers were given one. */
export interface StandingRegistry extends Resolver, PartLocator {
  /** What the stamps of its answers are compared with. */
  readonly changes: ChangeCounts;
  /** Like `resolve`. If the answer stands, it is for viewers that use the same protocol. */
  place(request: StreamRequest): Promise<StandingAnswer<StreamPlace>>;
  /** A viewer was given a standing answer: from now on it counts as if `place` had been called for it. */
  join(viewer: JoiningViewer): void;
  /** Like `locate`. */
  findPart(request: PartRequest): Promise<StandingAnswer<Origin>>;
  /** Like `owner`. */
  findOwner(stream: string): Promise<StandingAnswer<StreamOwner | undefined>>;
}

/** What any proxy must know about a WebRTC session to relay its media. */
export interface RtcSession {
  /** `answer-ufrag:offer-ufrag`, the USERNAME of the client's STUN requests (RFC 8445 7.2.2). */
  readonly user: string;
  /** ice-pwd of the answer: the MESSAGE-INTEGRITY key of those requests. Never logged. */
  readonly password: string;
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  readonly intent: "publish" | "play";
  /** Id of the origin. */
  readonly origin: string;
  /** Where the origin receives the session's media (UDP). */
  readonly media: Address;
  /** Other addresses where it may receive them, in the order in which they are tried. */
  readonly otherMedia?: readonly Address[];
}

/** Keeps WebRTC sessions where every proxy of the cluster can find them. */
export interface RtcSessions {
  /**
   * Adds or replaces the session of that user.
   *
   * @param ttl milliseconds after which it is forgotten unless it is put again
   * @throws ProxyError `overloaded` when there is no room for another
   */
  putSession(session: RtcSession, ttl: number): Promise<void>;
  /**
   * The session of that user; undefined if there is none.
   *
   * @throws ProxyError `registry_unavailable` when the registry does not answer in time
   */
  session(user: string): Promise<RtcSession | undefined>;
  /** Forgets the session of that user, if there is one. */
  endSession(user: string): Promise<void>;
  /**
   * Says that a session's media flow at an origin that was chosen for it earlier, perhaps by another
   * proxy: the stream is in use there from now on, and live if the session publishes. Does what
   * `Resolver.resolve` and `confirm` do for other sessions, but never chooses another origin. Must be
   * followed by one `Resolver.release` of that id.
   *
   * @param id of the session in `release`; unique in this process
   * @throws ProxyError `stream_busy` when the stream is live elsewhere, so that its publisher must be
   * ended; `registry_unavailable`
   */
  holdStream(id: string, session: RtcSession): Promise<void>;
}

/** A session that has opened; `client` is the address as `host:port`. */
export interface SessionOpened {
  readonly session: string;
  readonly protocol: string;
  readonly intent: "publish" | "play";
  readonly stream: string;
  readonly origin: string;
  readonly client: string;
  /** How the client is connected, if its protocol allows more than one transport. */
  readonly transport?: Transport;
}

/** Where the client of a session is now; the fields as in `SessionOpened`. */
export type SessionMoved = Required<Pick<SessionOpened, "session" | "client" | "transport">>;

/** Why the proxy ends a session that neither side has ended. */
export type EndedBy = "kicked" | "origin_down" | "stream_moved";

/** The sessions of one protocol, to be inspected and ended from outside. */
export interface RelaySessions {
  /** Ends a session cleanly, even one that has not reached its origin yet. @returns whether it was here */
  endSession(session: string, reason: EndedBy): boolean;
  /**
   * Bytes received from origins so far, for those of these sessions that are here; Infinity for one
   * held up by its client, since an unknown amount may be waiting. Sessions of threads that do not
   * answer within a second are left out.
   */
  received(sessions: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** How a session ended. Bytes are counted from its opening. */
export interface SessionClosed {
  readonly session: string;
  readonly reason: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** An origin that was tried for a stream in vain, and why. For operators only. */
export interface TriedOrigin {
  readonly origin: string;
  readonly code: ErrorCode;
}

/**
 * A request that failed. `stream` is its key, or, if it has none, what the client asked for without the
 * query; `client` is the address as `host:port`.
 */
export interface SessionRefused {
  /** The id that the session would have had; other lines about it contain it too. */
  readonly session?: string | undefined;
  /** In the order in which they were tried; absent or empty if none was. */
  readonly tried?: readonly TriedOrigin[] | undefined;
  readonly protocol: string;
  readonly intent: "publish" | "play";
  readonly stream: string;
  readonly client: string;
  readonly error: ProxyError;
  /** Number of requests like this one that are reported together; 1 if absent. */
  readonly repeated?: number | undefined;
}

/** The bytes and bit rates of a session so far. */
export interface SessionFlowed {
  readonly session: string;
  readonly flowed: Flowed;
}

/** What a client received of a stream without a session: a playlist, a segment, a file, or a piece of one. */
export interface PartServed {
  readonly stream: string;
  /** Id of the origin. */
  readonly origin: string;
  readonly bytes: number;
}

/** Gets one `opened` and one `closed` for every session that an origin has accepted. */
export interface SessionLog {
  opened(event: SessionOpened): void;
  closed(event: SessionClosed): void;
  /** Called every few seconds for each open session whose figures have changed. */
  flowed(event: SessionFlowed): void;
  /** Called for what was sent without a session. */
  served(event: PartServed): void;
  /** Called once for a request that did not become a session; its error decides the log level. */
  refused(event: SessionRefused): void;
}

/** The log of a protocol whose clients may change their addresses. */
export interface RoamingSessionLog extends SessionLog {
  /** Called when a client has another address than before. */
  moved(event: SessionMoved): void;
}

/** The program's metrics; the table of metrics says which labels each has. */
export interface Metrics {
  /** Adds `by` (1 by default) to a counter. */
  count(name: PlainName<"counter">, labels?: Record<string, never>, by?: number): void;
  count<Name extends LabelledName<"counter">>(
    name: Name,
    labels: LabelsOf<Name>,
    by?: number,
  ): void;
  gauge(name: PlainName<"gauge">, value: number): void;
  gauge<Name extends LabelledName<"gauge">>(
    name: Name,
    value: number,
    labels: LabelsOf<Name>,
  ): void;
  /** Adds a duration to a histogram. */
  observe<Name extends LabelledName<"histogram">>(
    name: Name,
    seconds: number,
    labels: LabelsOf<Name>,
  ): void;
}

/** A part of the process that may get stuck while the rest runs, such as a thread. */
export interface Heart {
  /** For the log: "WebRTC thread". */
  readonly name: string;
  /** Resolves once the part has done something after the call. */
  beat(): Promise<void>;
}
