// What the parts of the program share: passed to whatever opens one of them. A part of app.ts,
// which is the one place that knows everything.

import type { AddressPolicy } from "../api/address_policy.ts";
import type { PrometheusMetrics } from "../api/metrics.ts";
import type { LiveSessions } from "../api/session_log.ts";
import type { About } from "../api/versions.ts";
import type { Config } from "../config/config.ts";
import type { BoundAddress } from "../core/fleet.ts";
import type { HopMark } from "../core/hop_mark.ts";
import { logger } from "../core/log.ts";
import type { MemoryBudget } from "../core/memory_budget.ts";
import type { NamedOrigins, OriginNames } from "../registry/named_origins.ts";
import type { Registry } from "../registry/registry.ts";
import { signature, version, versionNumbers } from "../core/version.ts";

const LOG = logger("app");

/** What the program says of itself. */
export const ABOUT: About = { signature, version, numbers: versionNumbers, pid: String(Deno.pid) };

/** Where the log goes, as far as it is measured. */
export interface LogOutput {
  /** Lines that were lost so far because nobody took them in time. */
  readonly lost: number;
}

/** What all parts may look at, and app.ts changes. */
export interface State {
  draining: boolean;
  ownAddresses: readonly BoundAddress[];
}

/** What the parts have in common. */
export interface Surroundings {
  readonly config: Config;
  readonly registry: Registry;
  /** The registry as the relays see it: without host names. */
  readonly resolver: NamedOrigins;
  readonly names: OriginNames;
  readonly addresses: AddressPolicy;
  readonly metrics: PrometheusMetrics;
  readonly log: LogOutput;
  readonly state: State;
  readonly sessions: LiveSessions;
  readonly hopMark: HopMark;
  readonly identifyMemory: MemoryBudget;
  newSession(): string;
}

/** For what is nobody's fault but the program's. */
export function logError(error: unknown): void {
  LOG.error("Unexpected error", { error });
}
