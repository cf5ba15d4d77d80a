// What the HTTP relay is given: its limits and what it needs of the rest of the program.

import type { Cidr } from "../../core/cidr.ts";
import type { Clock } from "../../core/clock.ts";
import type { Metrics, PartLocator, Resolver, SessionLog } from "../../core/contracts.ts";
import type { HopMark } from "../../core/hop_mark.ts";
import type { PathTemplate } from "../../core/path_template.ts";
import type { OriginHttpTimeouts } from "../../http1/origin_dependencies.ts";
import type { TcpEngine } from "../../net/engine.ts";

/** Deadlines, milliseconds. */
export interface HttpTimeouts extends OriginHttpTimeouts {
  /** No byte either way. */
  readonly idle: number;
  /** A player reads none of the data that is waiting for it. */
  readonly stall: number;
}

export interface HttpDependencies {
  timeouts(): HttpTimeouts;
  readonly engine: TcpEngine;
  /** The engine's. */
  readonly clock: Clock;
  readonly resolver: Resolver & PartLocator;
  readonly sessions: SessionLog;
  readonly metrics: Metrics;
  /** Peers whose X-Forwarded-* fields are believed. */
  trustedProxies(): readonly Cidr[];
  readonly hopMark: HopMark;
  /** Paths under which origins serve playlists and segments. */
  hlsPaths(): readonly PathTemplate[];
  /** Web origins that may read responses (CORS); empty means all. */
  corsOrigins(): readonly string[];
  isDraining(): boolean;
  /** An id for a session, unique in this process. */
  newSession(): string;
}
