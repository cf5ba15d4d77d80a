// Requests to origins that the proxy makes on its own account, for instance to get figures for the API.
// Plain data.

import type { Memory } from "./memory.ts";
import type { Origin } from "./origin.ts";

/** A request to an origin's HTTP API. */
export interface OriginQuestion {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly target: string;
  readonly body?: { readonly type: string; readonly bytes: Uint8Array } | undefined;
  /** Most bytes of the answer. */
  readonly limit: number;
  /** Where the answer's memory is taken from. */
  readonly memory?: Memory | undefined;
}

export interface OriginReply {
  readonly status: number;
  /** Content-Type, empty if there is none. */
  readonly type: string;
  /** The Location field. */
  readonly location: string | undefined;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface OriginQuestions {
  /**
   * Asks one origin, at the first of its addresses that can be reached.
   *
   * @param timeout milliseconds for all of it
   * @throws ProxyError `origin_unreachable`, `origin_timeout`, `origin_gone`; what the memory throws
   */
  ask(origin: Origin, question: OriginQuestion, timeout: number): Promise<OriginReply>;
}
