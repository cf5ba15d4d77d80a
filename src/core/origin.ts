// What the program knows of one origin (one SRS media server): plain data, so that it can be
// stored as JSON and cross a message channel. Knows nothing of liveness, load or routing.

/** The conversations an origin can offer. */
export const PROTOCOLS = ["rtmp", "http", "api", "srt", "rtc"] as const;

/** One of them. */
export type Protocol = typeof PROTOCOLS[number];

/**
 * An address to dial: `host` is an IP address without brackets, `port` is 1–65535. In the registry `host`
 * may be a name; relays get addresses in its place.
 */
export interface Address {
  readonly host: string;
  readonly port: number;
}

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
