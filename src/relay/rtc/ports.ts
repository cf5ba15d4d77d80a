// What WebRTC signalling is given: its limits and the ports to the rest of the program.

import type { Cidr } from "../../core/cidr.ts";
import type { HopMark } from "../../core/hop_mark.ts";
import type { MediaTarget } from "../../core/media_target.ts";
import type {
  Metrics,
  PartLocator,
  Resolver,
  RtcMedia,
  RtcSessions,
  SessionLog,
} from "../../core/ports.ts";
import type { OriginHttpTimeouts } from "../http_origin/ports.ts";

/** Deadlines, milliseconds. */
export interface SignalingTimeouts extends OriginHttpTimeouts {
  /** For the whole body of a request, as for its head. */
  readonly head: number;
}

/** Everything that signalling needs of its surroundings. */
export interface SignalingPorts {
  readonly timeouts: SignalingTimeouts;
  readonly resolver: Resolver & PartLocator;
  readonly rtcSessions: RtcSessions;
  readonly media: RtcMedia;
  readonly sessions: Pick<SessionLog, "refused">;
  readonly metrics: Metrics;
  /** Peers whose X-Forwarded-* fields are believed. */
  readonly trustedProxies: readonly Cidr[];
  readonly hopMark: HopMark;
  /** Where clients are told to send media; none = where the request or the origin says. */
  readonly candidates: readonly MediaTarget[];
  /** The proxy's own UDP port for media. */
  readonly mediaPort: number;
  isDraining(): boolean;
  /** An id for a request that wants a stream, unique in this process. */
  newSession(): string;
  /** Told of errors that are nobody's fault but the program's. */
  onError(error: unknown): void;
}
