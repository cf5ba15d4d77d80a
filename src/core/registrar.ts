// The interface between the registry and the API: how origins register, and what the registry shows.
// Plain data only. Not for the media path.

import type { Origin, OriginChange, OriginSettings, Protocol } from "./origin.ts";

/** One registered origin, as the registry sees it now. */
export interface OriginStatus {
  readonly origin: Origin;
  /** Number of streams that belong to it. */
  readonly streams: number;
  /** Milliseconds until it is forgotten without a heartbeat; null if it is permanent. */
  readonly expiresIn: number | null;
  /** Milliseconds since its last heartbeat; null if it needs none. */
  readonly sinceHeartbeat: number | null;
  /**
   * For each protocol in which it did not answer, milliseconds for which it will not be picked.
   * Protocols in which it answers are not listed.
   */
  readonly setAsideFor: Readonly<Partial<Record<Protocol, number>>>;
  /** Whether it has left several probes in a row unanswered, and answered none since. */
  readonly down: boolean;
  /** Failures in a row, by protocol, until the origin succeeds or time has passed. */
  readonly failures: Readonly<Partial<Record<Protocol, number>>>;
  readonly settings: OriginSettings;
}

export interface StreamStatus {
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  /** Id of the origin. */
  readonly origin: string;
  /** Whether the origin has served it; false while the first request is in progress. */
  readonly confirmed: boolean;
  /** Whether it has a publisher there, at any proxy. */
  readonly live: boolean;
  /** Milliseconds for which this proxy has known the stream. */
  readonly knownFor: number;
}

/** Which part of a long list to return. */
export interface PageRequest {
  /** Most entries on the page. */
  readonly limit: number;
  /** `next` of the previous page; absent for the first page. */
  readonly after?: string | undefined;
}

/** Which streams to list; every condition that is given must hold. */
export interface StreamFilter {
  readonly origin?: string | undefined;
  /** Whether it has a publisher. */
  readonly live?: boolean | undefined;
  readonly key?: string | undefined;
  /** Part of the key, in upper or lower case. */
  readonly text?: string | undefined;
}

export interface StreamPageRequest extends PageRequest, StreamFilter {}

/** One page of streams. A stream that exists all the time is listed once, whatever else comes or goes. */
export interface StreamPage {
  readonly streams: readonly StreamStatus[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
  /** Number of streams on all pages. */
  readonly total: number;
}

/** Takes registrations and shows what is registered. */
export interface Registrar {
  /**
   * Takes one heartbeat of an origin, which is known from now on for one time to live.
   *
   * @throws ProxyError `overloaded` when there is no room for a new one, `bad_request` when its id is
   * taken, `registry_unavailable`
   */
  register(origin: Origin): Promise<void>;
  /** Every registered origin, in no particular order. */
  origins(): Promise<readonly OriginStatus[]>;
  /** A page of streams. @throws ProxyError `bad_request` for a bad `after` */
  streams(page: StreamPageRequest): Promise<StreamPage>;
}

/** What operators may do with registered origins and streams. */
export interface RegistryOperations {
  /** Origins without heartbeats that still have sessions of this process. */
  expired(): readonly OriginStatus[];
  stream(stream: string): Promise<StreamStatus | undefined>;
  /**
   * Changes the settings of an origin, for all proxies.
   *
   * @returns false when there is no such origin
   * @throws ProxyError `registry_unavailable` when the other proxies cannot be told
   */
  changeOrigin(id: string, change: OriginChange): Promise<boolean>;
  /**
   * Forgets an origin until its next heartbeat, and its settings.
   *
   * @returns false when there is no such origin
   * @throws ProxyError `bad_request` for a configured one, `registry_unavailable`
   */
  forgetOrigin(id: string): Promise<boolean>;
  /**
   * Ends all sessions of a stream, also at other proxies if they can be told.
   *
   * @returns the number of sessions in this process
   */
  endStream(stream: string): Promise<number>;
}
