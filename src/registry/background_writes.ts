// Writes to the store that nobody waits for: made in order, counted when they fail, and awaited at
// shutdown. Knows nothing of what is written.

import type { Metrics } from "../core/contracts.ts";
import type { Answer } from "./store.ts";

export class BackgroundWrites {
  readonly #metrics: Metrics;
  readonly #writes = new Set<Promise<void>>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Starts a write at once. */
  add(write: () => Answer<void>): void {
    const written = this.#attempt(write);
    this.#writes.add(written);
    written.finally(() => this.#writes.delete(written));
  }

  /** Resolves when no write is in progress. */
  async idle(): Promise<void> {
    while (this.#writes.size > 0) await Promise.all(this.#writes);
  }

  async #attempt(write: () => Answer<void>): Promise<void> {
    try {
      await write();
    } catch {
      // The next renewal of the lease makes up for it; a log line per session would be too much.
      this.#metrics.count("srs_proxy_registry_errors_total");
    }
  }
}
