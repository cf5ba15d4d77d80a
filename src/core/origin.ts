// What the program knows of one origin (one SRS media server): plain data, so that it can be
// stored as JSON and cross a message channel. Knows nothing of liveness, load or routing.

import type { Address } from "./address.ts";

/** The conversations an origin can offer. */
export const PROTOCOLS = ["rtmp", "http", "api", "srt", "rtc"] as const;

/** One of them. */
export type Protocol = typeof PROTOCOLS[number];

/** One origin, as it registered itself. */
export interface Origin {
  /** SRS's `server` id: stable over restarts, the identity of the origin. */
  readonly id: string;
  /** SRS's `service` and `pid`: another value means that the origin has restarted. */
  readonly generation: string;
  /** SRS's `device_id`, empty when it has none. */
  readonly deviceId: string;
  /** Or its host name. */
  readonly ip: string;
  /** Groups that it says it belongs to; none when absent. */
  readonly labels?: readonly string[];
  /** Addresses to dial for each protocol, the preferred one first; empty when not offered. */
  readonly endpoints: Readonly<Record<Protocol, readonly Address[]>>;
}

/** What an operator has decided about an origin. */
export interface OriginSettings {
  /** Whether it gets no new stream. */
  readonly draining: boolean;
  /** Its share of new streams compared with others', 0 to 100; with 0 only if no other would do. */
  readonly weight: number;
  /** Groups that it belongs to, in the place of those that it says itself; its own when absent. */
  readonly labels?: readonly string[];
}

/** Those of an origin about which nothing was decided. */
export const DEFAULT_SETTINGS: OriginSettings = { draining: false, weight: 100 };

/** What is to change of the settings of an origin. `labels: null` = its own again. */
export interface OriginChange {
  readonly draining?: boolean | undefined;
  readonly weight?: number | undefined;
  readonly labels?: readonly string[] | null | undefined;
}

/** The groups that an origin belongs to. */
export function labelsOf(origin: Origin, settings: OriginSettings): readonly string[] {
  return settings.labels ?? origin.labels ?? [];
}
