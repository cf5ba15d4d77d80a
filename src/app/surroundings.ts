// What the parts of the program share; passed to whatever opens one of them. A part of app.ts.

import type { AddressPolicy } from "../api/address_policy.ts";
import type { Management } from "../api/management.ts";
import type { OriginAnswers } from "../api/origin_answers.ts";
import type { PrometheusMetrics } from "../api/metrics.ts";
import type { FleetTallies } from "../api/fleet_tallies.ts";
import type { ChangeWatch } from "../api/change_watch.ts";
import type { EventFeed } from "../api/event_feed.ts";
import type { LiveSessions } from "../api/session_log.ts";
import type { About } from "../api/versions.ts";
import type { Clock } from "../core/clock.ts";
import type { Config } from "../config/config.ts";
import type { BoundAddress } from "../core/fleet.ts";
import type { HopMark } from "../core/hop_mark.ts";
import type { OriginTrust } from "./origin_trust.ts";
import type { Certificates } from "./tls.ts";
import { logger } from "../core/log.ts";
import type { MemoryBudget } from "../core/memory_budget.ts";
import type { TallyMemory } from "../lane/shared_tally.ts";
import type { TcpEngine } from "../net/engine.ts";
import type { RedisAccess } from "../core/redis_access.ts";
import type { NamedOrigins, OriginNames } from "../registry/named_origins.ts";
import type { Registry } from "../registry/registry.ts";
import { signature, version, versionNumbers } from "../core/version.ts";

const LOG = logger("app");

/** The program's name and version. */
export const ABOUT: About = {
  ...{ signature, version, numbers: versionNumbers },
  service: crypto.randomUUID().slice(0, 8),
  pid: String(Deno.pid),
};

/** The log's output as the metrics see it. */
export interface LogOutput {
  /** Number of lines lost because nobody read them in time. */
  readonly lost: number;
}

/** Every part may read this; only app.ts changes it. */
export interface State {
  /** Replaced at each reload: whoever needs what can change reads it at each use. */
  config: Config;
  /** How to reach Redis, with the contents of the TLS files. */
  redisAccess: RedisAccess;
  /** Absent without TLS listeners. */
  certificates: Certificates | undefined;
  readonly originTrust: OriginTrust;
  draining: boolean;
  ownAddresses: readonly BoundAddress[];
}

/** What the parts share, under the names of their options. */
export interface Surroundings extends LiveOptions {
  readonly clock: Clock;
  /** TCP for the parts in this thread, on that clock. */
  readonly engine: TcpEngine;
  readonly state: State;
  readonly reusePort: boolean;
  readonly registry: Registry;
  readonly rtcSessions: Registry;
  /** The registry as the relays see it: without host names. */
  readonly resolver: NamedOrigins;
  readonly names: OriginNames;
  readonly addresses: AddressPolicy;
  readonly metrics: PrometheusMetrics;
  readonly log: LogOutput;
  readonly sessions: LiveSessions;
  readonly events: EventFeed;
  readonly changes: ChangeWatch;
  /** The fleet's sessions, by origin and by stream. */
  readonly tallies: FleetTallies;
  readonly hopMark: HopMark;
  readonly management: Management;
  readonly answers: OriginAnswers;
  readonly identifyMemory: MemoryBudget;
  /** Counts that memory together with the lanes'. */
  readonly identifyTally: TallyMemory;
  newSession(): string;
  onError(error: unknown): void;
}

/** What several parts read from the state at each use. */
export interface LiveOptions {
  isDraining(): boolean;
  limits(): Config["limits"];
  timeouts(): Config["timeouts"];
  trustedProxies(): Config["http"]["trustedProxies"];
  balancers(): Config["balancers"];
  corsOrigins(): Config["http"]["corsOrigins"];
}

export function liveOptions(state: State): LiveOptions {
  return {
    isDraining: () => state.draining,
    limits: () => state.config.limits,
    timeouts: () => state.config.timeouts,
    trustedProxies: () => state.config.http.trustedProxies,
    balancers: () => state.config.balancers,
    corsOrigins: () => state.config.http.corsOrigins,
  };
}

/** For errors that are the program's own fault. @param repeated how often it has occurred */
export function logError(error: unknown, repeated = 1): void {
  LOG.error("Unexpected error", { error, ...(repeated > 1 && { repeated }) });
}

/** Prefix of the session ids of one thread. */
export function sessionPrefix(): string {
  return crypto.randomUUID().slice(0, 8);
}
