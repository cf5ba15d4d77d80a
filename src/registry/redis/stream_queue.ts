// Collects the wishes about mappings that arise at one moment and takes them to Redis together, in
// their order: a burst of new streams costs a few calls instead of one for each.

import type { RedisConnection } from "./connection.ts";
import type { MappingResult } from "./records.ts";
import type { Remote, StreamOperation, Versioned } from "./remote.ts";

/** Hears of what Redis has decided before those who have asked do. */
export type ResultListener = (
  operations: readonly StreamOperation[],
  results: Versioned<readonly MappingResult[]>,
) => void;

interface Waiting {
  readonly connection: RedisConnection;
  readonly operation: StreamOperation;
  readonly resolve: (result: MappingResult) => void;
  readonly reject: (error: unknown) => void;
}

/** So many in one step hold up others of Redis's clients for less than a millisecond. */
const MOST_AT_ONCE = 64;

/** The way of all wishes about mappings to Redis. */
export class StreamQueue {
  readonly #remote: Remote;
  readonly #onResults: ResultListener;
  #waiting: Waiting[] = [];

  constructor(remote: Remote, onResults: ResultListener) {
    this.#remote = remote;
    this.#onResults = onResults;
  }

  /** Fails as the connection does. */
  submit(connection: RedisConnection, operation: StreamOperation): Promise<MappingResult> {
    const { promise, resolve, reject } = Promise.withResolvers<MappingResult>();
    if (this.#waiting.length === 0) queueMicrotask(() => this.#send());
    this.#waiting.push({ connection, operation, resolve, reject });
    return promise;
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < waiting.length;) {
      const { connection } = waiting[start]!;
      let end = start;
      while (end < waiting.length && end - start < MOST_AT_ONCE) {
        if (waiting[end]!.connection !== connection) break;
        end++;
      }
      this.#sendTogether(connection, waiting.slice(start, end));
      start = end;
    }
  }

  async #sendTogether(connection: RedisConnection, waiting: readonly Waiting[]): Promise<void> {
    const operations = waiting.map(({ operation }) => operation);
    try {
      const results = await this.#remote.streams(connection, operations);
      this.#onResults(operations, results);
      waiting.forEach(({ resolve }, at) => resolve(results.value[at]!));
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
