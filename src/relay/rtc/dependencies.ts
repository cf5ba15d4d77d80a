// What WebRTC signalling is given: its limits and what it needs of the rest of the program, and the
// interface between it and the media relay.

import type { Cidr } from "../../core/cidr.ts";
import type { Clock } from "../../core/clock.ts";
import type { HopMark } from "../../core/hop_mark.ts";
import type { MediaTarget } from "../../core/media_target.ts";
import type { MemoryBudget } from "../../core/memory_budget.ts";
import type {
  Metrics,
  PartLocator,
  Resolver,
  RtcSession,
  RtcSessions,
  SessionLog,
} from "../../core/contracts.ts";
import type { OriginHttpTimeouts } from "../../http1/origin_dependencies.ts";
import type { MediaEnd } from "./media_messages.ts";
import type { SessionPlace } from "./session_places.ts";
import type { TcpEngine } from "../../net/engine.ts";

/** Takes over a WebRTC session once it is signalled. */
export interface RtcMedia {
  /**
   * Takes a place for a session that a client wants, before anything is done for it; whoever has the
   * place gives it back or opens a session with it.
   *
   * @param client IP address of who has asked
   * @throws ProxyError `overloaded`, `draining`
   */
  reserve(client: string): SessionPlace;
  /**
   * The session is agreed upon. Resolves once its media is taken: until then its client must not be
   * told how to prove itself.
   *
   * @param before the user that it was before an ICE restart
   * @throws ProxyError `overloaded`, `draining`; `bad_request` when another session has its user
   */
  open(session: RtcSession, place: SessionPlace, before?: string): Promise<void>;
  /** The session is over, as its client or its origin says; unknown users are ignored. */
  end(user: string, reason: MediaEnd): void;
}

/** Deadlines, milliseconds. */
export interface SignalingTimeouts extends OriginHttpTimeouts {
  /** For the whole body of a request, as for its head. */
  readonly head: number;
}

/** What clients are told of media over TCP. */
export interface TcpAdvertising {
  /** The proxy's own port. */
  readonly port: number;
  /** None = the addresses of media over UDP. */
  candidates(): readonly MediaTarget[];
}

/** Everything that signalling needs of its surroundings. */
export interface SignalingDependencies {
  timeouts(): SignalingTimeouts;
  readonly engine: TcpEngine;
  /** The engine's. */
  readonly clock: Clock;
  readonly resolver: Resolver & PartLocator;
  readonly rtcSessions: RtcSessions;
  readonly media: RtcMedia;
  readonly sessions: Pick<SessionLog, "refused">;
  readonly metrics: Metrics;
  /** What bodies of requests are taken from. */
  readonly identifyMemory: MemoryBudget;
  /** Peers whose X-Forwarded-* fields are believed. */
  trustedProxies(): readonly Cidr[];
  readonly hopMark: HopMark;
  /** Where clients are told to send media; none = where the request or the origin says. */
  candidates(): readonly MediaTarget[];
  /** The proxy's own UDP port for media. */
  readonly mediaPort: number;
  /** Where clients are told to send media over TCP; absent where that is not taken. */
  readonly overTcp?: TcpAdvertising | undefined;
  isDraining(): boolean;
  /** An id for a request that wants a stream, unique in this process. */
  newSession(): string;
  /** Told of errors that are nobody's fault but the program's. */
  onError(error: unknown): void;
}
