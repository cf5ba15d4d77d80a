// What the program knows about one origin (one SRS media server): plain data, so that it can be stored as
// JSON and sent between threads. Knows nothing of liveness, load or routing.

import type { Address } from "./address.ts";

/** The protocols that an origin may offer. */
export const PROTOCOLS = ["rtmp", "http", "api", "srt", "rtc"] as const;

export type Protocol = typeof PROTOCOLS[number];

/** One origin, as it has registered. */
export interface Origin {
  /** SRS's `server` id: stable across restarts, the identity of the origin. */
  readonly id: string;
  /** SRS's `service` and `pid`: a different value means that the origin has restarted. */
  readonly generation: string;
  /** SRS's `device_id`, empty if it has none. */
  readonly deviceId: string;
  /** An IP address or a host name. */
  readonly ip: string;
  /** Groups that it declares itself to belong to; absent means none. */
  readonly labels?: readonly string[];
  /** Addresses to dial for each protocol, the preferred one first; empty if not offered. */
  readonly endpoints: Readonly<Record<Protocol, readonly Address[]>>;
}

/** An operator's decisions about an origin. */
export interface OriginSettings {
  /** Whether it gets no new streams. */
  readonly draining: boolean;
  /** Its share of new streams relative to others, 0 to 100; with 0 only if no other will do. */
  readonly weight: number;
  /** Groups that replace those it declares itself; absent means its own. */
  readonly labels?: readonly string[];
}

/** For an origin about which nothing was decided. */
export const DEFAULT_SETTINGS: OriginSettings = { draining: false, weight: 100 };

/** A change of an origin's settings. `labels: null` restores its own. */
export interface OriginChange {
  readonly draining?: boolean | undefined;
  readonly weight?: number | undefined;
  readonly labels?: readonly string[] | null | undefined;
}

export function labelsOf(origin: Origin, settings: OriginSettings): readonly string[] {
  return settings.labels ?? origin.labels ?? [];
}
