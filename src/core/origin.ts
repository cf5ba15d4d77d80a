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
  /** Addresses to dial for each protocol, the preferred one first; empty when not offered. */
  readonly endpoints: Readonly<Record<Protocol, readonly Address[]>>;
}
