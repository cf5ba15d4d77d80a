// What WebRTC signalling is given: its limits, what it needs of the rest of the program, and the
// interface to the media relay.

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

/** Takes over a WebRTC session once it has been negotiated. */
export interface RtcMedia {
  /**
   * Takes a place for a session that a client wants, before anything else is done for it. The
   * caller must dispose of the place or open a session with it.
   *
   * @param client IP address of the client that asked
   * @throws ProxyError `overloaded`, `draining`
   */
  reserve(client: string): SessionPlace;
  /**
   * Starts accepting the media of a negotiated session. Resolves once it does: until then the
   * client must not be sent the answer.
   *
   * @param before its user before an ICE restart
   * @throws ProxyError `overloaded`, `draining`; `bad_request` when another session has its user
   */
  open(session: RtcSession, place: SessionPlace, before?: string): Promise<void>;
  /** Ends a session at the request of its client or origin; unknown users are ignored. */
  end(user: string, reason: MediaEnd): void;
}

/** Deadlines, milliseconds. */
export interface SignalingTimeouts extends OriginHttpTimeouts {
  /** For the head of a request, and again for its body. */
  readonly head: number;
}

/** What clients are told about media over TCP. */
export interface TcpAdvertising {
  /** The proxy's own port. */
  readonly port: number;
  /** Empty = the addresses for media over UDP. */
  candidates(): readonly MediaTarget[];
}

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
  /** Memory budget for request bodies. */
  readonly identifyMemory: MemoryBudget;
  /** Peers whose X-Forwarded-* fields are believed. */
  trustedProxies(): readonly Cidr[];
  readonly hopMark: HopMark;
  /** Where clients are told to send media; empty = where the request or the origin says. */
  candidates(): readonly MediaTarget[];
  /** The proxy's own UDP port for media. */
  readonly mediaPort: number;
  /** Where clients are told to send media over TCP; absent if it is not accepted. */
  readonly overTcp?: TcpAdvertising | undefined;
  isDraining(): boolean;
  /** An id for a request that wants a stream, unique in this process. */
  newSession(): string;
  /** Called with errors that are bugs of this program. */
  onError(error: unknown): void;
}
