// The interfaces through which relays and the API reach the registry, the session log and the
// metrics without importing them. Every argument and result is plain data, so that each of these
// could be moved to the other side of a message channel.

import type { ErrorCode, ProxyError } from "./errors.ts";
import type { LabelledName, LabelsOf, PlainName } from "./metric_table.ts";
import type { Address } from "./address.ts";
import type { ChangeCounts, ChangeStamp } from "./change_counts.ts";
import type { Transport } from "./fleet.ts";
import type { Flowed } from "./flow_meter.ts";
import type { Origin, Protocol } from "./origin.ts";

/** A client's wish to be served one stream. */
export interface StreamRequest {
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  readonly protocol: Protocol;
  readonly intent: "publish" | "play";
  /** Identifies the session in `confirm` and `release`; unique in this process. */
  readonly session: string;
  /** Ids of the origins that this very request has tried in vain. */
  readonly failed: readonly string[];
}

/** Finds the origin that owns a stream, and keeps it the owner while the stream is used. */
export interface Resolver {
  /**
   * Chooses the origin for a stream: its owner, or a newly picked one that owns it from now on.
   * Call it again with the origin's id in `failed` to move the stream to another origin. Nobody
   * moves a stream that is live: one whose publisher runs, at whichever proxy. Nor does a viewer
   * move a stream that a confirmed session of this process runs at that origin.
   * Every call must be followed by `release` of the same session, once.
   *
   * @throws ProxyError `no_origin` when none offers the protocol or all have failed,
   * `origin_unreachable` when the stream runs at one that has failed this viewer, `stream_busy`
   * when it runs at one that has failed this publisher, `registry_unavailable` when the registry
   * cannot tell in time.
   */
  resolve(request: StreamRequest): Promise<Origin>;
  /**
   * The origin serves the session: the mapping outlives it by the stream's idle time. A publisher
   * makes the stream live: its relay waits for this before it tells the client. A viewer's relay
   * need not wait.
   *
   * @throws ProxyError `stream_busy` when meanwhile the stream is live at another origin: this
   * publisher must end there, and be refused. Never for a viewer.
   */
  confirm(session: string): Promise<void>;
  /** The session is over. A stream whose sessions were never confirmed is forgotten at once. */
  release(session: string): void;
  /**
   * The origin did not answer in this protocol, whatever the client had to do with it: a dial or a
   * handshake of our own failed. It is set aside for it, for a while that grows with each failure,
   * and probed. Its other protocols are not concerned. Not to be called for what an origin does
   * about a client's bytes.
   */
  unreachable(origin: string, protocol: Protocol): void;
  /** The origin answered in this protocol: whatever was held against it there is forgotten. */
  reached(origin: string, protocol: Protocol): void;
}

/** A request for a part of a stream that says itself where it is. */
export interface PartRequest {
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  /** `originTagOf` the id of the origin that has it; the owner of the stream unless given. */
  readonly originTag?: string | undefined;
  readonly protocol: Protocol;
  readonly failed: readonly string[];
}

/** Finds the origins of segments, which own no stream by being asked for. */
export interface PartLocator {
  /**
   * The origin that the tag names, or, when it is gone or has failed, the owner of the stream.
   * Makes no mapping and needs no release.
   *
   * @throws ProxyError `not_found` when there is neither, `registry_unavailable`
   */
  locate(request: PartRequest): Promise<Origin>;
  /**
   * The origin that a stream belongs to now, whatever that offers; undefined when it has none. Makes
   * no mapping and prolongs none.
   *
   * @throws ProxyError `registry_unavailable`
   */
  owner(stream: string): Promise<StreamOwner | undefined>;
}

/** Whom a stream belongs to. */
export interface StreamOwner {
  readonly origin: Origin;
  /** Whether it has been served there, rather than only asked for. */
  readonly confirmed: boolean;
  /** Whether a publisher runs there. */
  readonly live: boolean;
}

/** For how long an answer need not be asked for again: while its stamp holds, and no longer. */
export interface Standing {
  readonly stamp: ChangeStamp;
  /** Milliseconds from the question. */
  readonly left: number;
}

/** An answer; without `standing` it is good for its question alone. */
export interface StandingAnswer<T> {
  readonly answer: T;
  readonly standing: Standing | undefined;
}

/** A mapping that leads viewers to an origin. */
export interface StreamPlace {
  /** The key under which the stream is mapped. */
  readonly stream: string;
  readonly origin: Origin;
  /** Of the mapping, so that what relies on it is told from what relies on an older one. */
  readonly epoch: number;
}

/** A viewer that was led to an origin by an answer that stands. */
export interface JoiningViewer {
  readonly session: string;
  readonly protocol: Protocol;
  /** As `StreamPlace`. */
  readonly stream: string;
  /** Id of the origin. */
  readonly origin: string;
  readonly epoch: number;
}

/** Gives answers that other threads may keep, and hears from them who was led where by one. */
export interface StandingRegistry extends Resolver, PartLocator {
  /** What the stamps of its answers are compared with. */
  readonly changes: ChangeCounts;
  /** As `resolve`. The answer stands for viewers, if it does, who use the same protocol. */
  place(request: StreamRequest): Promise<StandingAnswer<StreamPlace>>;
  /** A viewer has gone to a place that stood: from now on it is as if `place` had led it there. */
  join(viewer: JoiningViewer): void;
  /** As `locate`. */
  findPart(request: PartRequest): Promise<StandingAnswer<Origin>>;
  /** As `owner`. */
  findOwner(stream: string): Promise<StandingAnswer<StreamOwner | undefined>>;
}

/** What any proxy must know of a WebRTC session to take its media. */
export interface RtcSession {
  /** `answer-ufrag:offer-ufrag`, the USERNAME of the client's STUN requests (RFC 8445 7.2.2). */
  readonly user: string;
  /** ice-pwd of the answer: the key of MESSAGE-INTEGRITY in those requests. Never logged. */
  readonly password: string;
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  readonly intent: "publish" | "play";
  /** Id of the origin. */
  readonly origin: string;
  /** Where the origin takes the session's media, UDP. */
  readonly media: Address;
}

/** Keeps WebRTC sessions where every proxy of the cluster finds them. */
export interface RtcSessions {
  /**
   * Adds or replaces the session of that user.
   *
   * @param ttl its life in milliseconds unless put again
   * @throws ProxyError `overloaded` when there is no room for another
   */
  putSession(session: RtcSession, ttl: number): Promise<void>;
  /**
   * The session of that user; undefined when there is none.
   *
   * @throws ProxyError `registry_unavailable` when the registry cannot tell in time
   */
  session(user: string): Promise<RtcSession | undefined>;
  /** Forgets the session of that user; an unknown one is ignored. */
  endSession(user: string): Promise<void>;
  /**
   * The media of a session flow, at an origin that was chosen for it earlier, perhaps by another
   * proxy: its stream is used there from now on, and live there if it publishes. Does what
   * `Resolver.resolve` and `confirm` do for other sessions, but never chooses another origin.
   * Must be followed by `Resolver.release` of that id, once.
   *
   * @param id of the session in `release`; unique in this process
   * @throws ProxyError `stream_busy` when the stream is live elsewhere, so that its publisher must
   * end; `registry_unavailable`
   */
  holdStream(id: string, session: RtcSession): Promise<void>;
}

/** What an opened session is about; `client` is the address as `host:port`. */
export interface SessionOpened {
  readonly session: string;
  readonly protocol: string;
  readonly intent: "publish" | "play";
  readonly stream: string;
  readonly origin: string;
  readonly client: string;
  /** How the client comes, where its protocol leaves that open. */
  readonly transport?: Transport;
}

/** Why a session is ended that neither side has ended. */
export type EndedBy = "kicked" | "origin_down" | "stream_moved";

/** The sessions of one protocol, as others may look at them and end them. */
export interface RelaySessions {
  /** Ends a session in order, one that is still under way to its origin too. @returns whether it was here */
  endSession(session: string, reason: EndedBy): boolean;
  /**
   * Bytes that origins have sent for those of these sessions that are here, counted now; Infinity for
   * one that is held up by its client, since more may lie ready that was sent who knows when. Without
   * those whose thread does not answer within a second.
   */
  received(sessions: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** How a session ended. Bytes are those relayed after the session was opened. */
export interface SessionClosed {
  readonly session: string;
  readonly reason: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** An origin that was asked for a stream in vain, and why. For operators alone. */
export interface TriedOrigin {
  /** Its id. */
  readonly origin: string;
  readonly code: ErrorCode;
}

/**
 * A request that came to nothing. `stream` is its key, or what the client asked for, without its query,
 * when that has none; `client` is the address as `host:port`.
 */
export interface SessionRefused {
  /** The id that the session would have had, which is in other lines about it too. */
  readonly session?: string | undefined;
  /** In the order in which they were asked; absent or empty when none was. */
  readonly tried?: readonly TriedOrigin[] | undefined;
  readonly protocol: string;
  readonly intent: "publish" | "play";
  readonly stream: string;
  readonly client: string;
  readonly error: ProxyError;
  /** How many requests like this one are told of at once; one unless told. */
  readonly repeated?: number | undefined;
}

/** What has flowed in a session since it was opened. */
export interface SessionFlowed {
  readonly session: string;
  readonly flowed: Flowed;
}

/** What a client got of a stream without a session: a playlist, a segment, a file, or a piece of one. */
export interface PartServed {
  readonly stream: string;
  /** Id of the origin. */
  readonly origin: string;
  readonly bytes: number;
}

/** Takes one `opened` and one `closed` for every session that an origin has taken. */
export interface SessionLog {
  opened(event: SessionOpened): void;
  closed(event: SessionClosed): void;
  /** Told every few seconds of each open session in which that has changed. */
  flowed(event: SessionFlowed): void;
  /** Told of what flows without a session. */
  served(event: PartServed): void;
  /** Told of a request instead, once, when no session comes of it; its error gives the level. */
  refused(event: SessionRefused): void;
}

/** The numbers of the program; the table of them says which labels each has. */
export interface Metrics {
  /** Adds `by` (1 unless told) to a counter. */
  count(name: PlainName<"counter">, labels?: Record<string, never>, by?: number): void;
  count<Name extends LabelledName<"counter">>(
    name: Name,
    labels: LabelsOf<Name>,
    by?: number,
  ): void;
  /** Sets a gauge. */
  gauge(name: PlainName<"gauge">, value: number): void;
  gauge<Name extends LabelledName<"gauge">>(
    name: Name,
    value: number,
    labels: LabelsOf<Name>,
  ): void;
  /** Takes a duration for a histogram. */
  observe<Name extends LabelledName<"histogram">>(
    name: Name,
    seconds: number,
    labels: LabelsOf<Name>,
  ): void;
}

/** A part of the process that could get stuck while the rest goes on, such as a thread. */
export interface Heart {
  /** For the log: "WebRTC thread". */
  readonly name: string;
  /** Resolves once the part has done something since the call. */
  beat(): Promise<void>;
}
