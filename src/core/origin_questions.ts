// Questions to origins that the proxy asks on its own account, apart from those of clients: what the
// API gets its figures by. Plain data.

import type { Memory } from "./memory.ts";
import type { Origin } from "./origin.ts";

/** A request to an origin's HTTP API. */
export interface OriginQuestion {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly target: string;
  readonly body?: { readonly type: string; readonly bytes: Uint8Array } | undefined;
  /** Bytes that the answer may have. */
  readonly limit: number;
  /** What its memory is taken from. */
  readonly memory?: Memory | undefined;
}

/** What an origin has answered. */
export interface OriginReply {
  readonly status: number;
  /** Content-Type, empty when there is none. */
  readonly type: string;
  /** Where the origin sends whoever asks. */
  readonly location: string | undefined;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Asks origins. */
export interface OriginQuestions {
  /**
   * Asks one origin, at the first of its addresses that can be reached.
   *
   * @param timeout milliseconds for all of it
   * @throws ProxyError `origin_unreachable`, `origin_timeout`, `origin_gone`; what
   * the memory throws
   */
  ask(origin: Origin, question: OriginQuestion, timeout: number): Promise<OriginReply>;
}
