// What the registry shows of itself to people and machines, and how origins get into it: the
// interface between the registry and the API. Plain data only. Not for the media path.

import type { Origin, Protocol } from "./origin.ts";

/** One registered origin, as the registry sees it now. */
export interface OriginStatus {
  readonly origin: Origin;
  /** Streams that belong to it. */
  readonly streams: number;
  /** Milliseconds until it is forgotten unless it sends a heartbeat; null for one that stays. */
  readonly expiresIn: number | null;
  /**
   * Milliseconds for which it is not picked for a protocol because it did not answer there. What it
   * answers is not listed.
   */
  readonly setAsideFor: Readonly<Partial<Record<Protocol, number>>>;
  /** Whether it has left several probes in a row without an answer, and none with one since. */
  readonly down: boolean;
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
}

/** Which part of a long list to return. */
export interface PageRequest {
  /** Most entries on the page. */
  readonly limit: number;
  /** `next` of the page before; the first page has none. */
  readonly after?: string | undefined;
}

/** One page of streams. What was there all the time is seen once, whatever else came or went. */
export interface StreamPage {
  readonly streams: readonly StreamStatus[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
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
  streams(page: PageRequest): Promise<StreamPage>;
}
