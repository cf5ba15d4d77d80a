// What the registry shows of itself to people and machines, and how origins get into it: the
// interface between the registry and the API. Plain data only. Not for the media path.

import type { Origin, OriginChange, OriginSettings, Protocol } from "./origin.ts";

/** One registered origin, as the registry sees it now. */
export interface OriginStatus {
  readonly origin: Origin;
  /** Streams that belong to it. */
  readonly streams: number;
  /** Milliseconds until it is forgotten unless it sends a heartbeat; null for one that stays. */
  readonly expiresIn: number | null;
  /** Milliseconds since its last heartbeat; null for one that needs none. */
  readonly sinceHeartbeat: number | null;
  /**
   * Milliseconds for which it is not picked for a protocol because it did not answer there. What it
   * answers is not listed.
   */
  readonly setAsideFor: Readonly<Partial<Record<Protocol, number>>>;
  /** Whether it has left several probes in a row without an answer, and none with one since. */
  readonly down: boolean;
  /** Failures in a row for which it is not forgiven yet, by the protocol in which it failed. */
  readonly failures: Readonly<Partial<Record<Protocol, number>>>;
  readonly settings: OriginSettings;
}

/** Which origin a stream belongs to. */
export interface StreamStatus {
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  /** Id of the origin. */
  readonly origin: string;
  /** Whether the origin has served it; false while the first request is still under way. */
  readonly confirmed: boolean;
  /** Whether a publisher of any proxy runs there. */
  readonly live: boolean;
  /** For how many milliseconds this proxy has known the stream. */
  readonly knownFor: number;
}

/** Which part of a long list to return. */
export interface PageRequest {
  /** Most entries on the page. */
  readonly limit: number;
  /** `next` of the page before; the first page has none. */
  readonly after?: string | undefined;
}

/** Which streams to list. */
export interface StreamFilter {
  /** Those of this origin. */
  readonly origin?: string | undefined;
  /** Those that have a publisher, or those that have none. */
  readonly live?: boolean | undefined;
  /** The one of this key. */
  readonly key?: string | undefined;
  /** Those whose key has this text in it, in any case of its letters. */
  readonly text?: string | undefined;
}

/** Which part of the list of streams to return. */
export interface StreamPageRequest extends PageRequest, StreamFilter {}

/** One page of streams. What was there all the time is seen once, whatever else came or went. */
export interface StreamPage {
  readonly streams: readonly StreamStatus[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
  /** How many there are on all pages. */
  readonly total: number;
}

/** Takes registrations and tells what is registered. */
export interface Registrar {
  /**
   * One heartbeat of an origin: it is known from now on for one time to live.
   *
   * @throws ProxyError `overloaded` when there is no room for a new one, `bad_request` when its
   * id is taken, `registry_unavailable`
   */
  register(origin: Origin): Promise<void>;
  /** Every registered origin, in no particular order. */
  origins(): Promise<readonly OriginStatus[]>;
  /** Which origin each stream belongs to. @throws ProxyError `bad_request` for a bad `after` */
  streams(page: StreamPageRequest): Promise<StreamPage>;
}

/** What operators may do to what is registered. */
export interface RegistryOperations {
  /** Origins that send no heartbeats any more but still have sessions of this process. */
  expired(): readonly OriginStatus[];
  /** One stream; undefined when it is not known. */
  stream(stream: string): Promise<StreamStatus | undefined>;
  /**
   * Changes what is decided about an origin, for all proxies.
   *
   * @returns false when there is no such origin
   * @throws ProxyError `registry_unavailable` when the other proxies cannot be told
   */
  changeOrigin(id: string, change: OriginChange): Promise<boolean>;
  /**
   * Forgets an origin until its next heartbeat, and what was decided about it.
   *
   * @returns false when there is no such origin
   * @throws ProxyError `bad_request` for one that is configured, `registry_unavailable`
   */
  forgetOrigin(id: string): Promise<boolean>;
  /**
   * Ends all sessions of a stream, those of other proxies too if they can be told.
   *
   * @returns how many of this process
   */
  endStream(stream: string): Promise<number>;
}
