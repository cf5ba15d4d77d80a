// What the RTMP relay is given: its limits and what it needs of the rest of the program.

import type { Clock } from "../../core/clock.ts";
import type { FailedAddresses } from "../../core/failed_addresses.ts";
import type { MemoryBudget } from "../../core/memory_budget.ts";
import type { Metrics, Resolver, SessionLog } from "../../core/contracts.ts";
import type { TcpEngine } from "../../net/engine.ts";

/** Deadlines of the phases of a connection, milliseconds. */
export interface RtmpTimeouts {
  /** The RTMP handshake with the client. */
  readonly handshake: number;
  /** From the handshake to publish or play. */
  readonly identify: number;
  /** TCP dial and handshake with one origin, all its addresses together. */
  readonly dial: number;
  /** From the first command sent to the origin to its decision. */
  readonly answer: number;
  /** No byte in either direction. */
  readonly idle: number;
  /** A side reads none of the data that is waiting for it. */
  readonly stall: number;
}

export interface RtmpDependencies {
  timeouts(): RtmpTimeouts;
  readonly engine: TcpEngine;
  /** The engine's. */
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly sessions: SessionLog;
  readonly metrics: Metrics;
  /** Addresses of origins that have failed lately. */
  readonly failures: FailedAddresses;
  /** Budget for what is kept for clients until an origin has accepted their streams. */
  readonly identifyMemory: MemoryBudget;
  /** Whether new streams are refused because the process is about to end. */
  isDraining(): boolean;
  /** An id for a session, unique in this process. */
  newSession(): string;
}
