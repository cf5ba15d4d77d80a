// Notices how the set of origins changes, whoever took the heartbeat: one log line for each that
// joins, restarts or expires. As large as the store's own list of origins.

import { logger } from "../core/log.ts";
import type { Origin } from "../core/origin.ts";

const LOG = logger("registry");

/** Compares what is registered with what was registered before. */
export class OriginWatch {
  readonly #onEnd: (origin: string) => void;
  readonly #generations = new Map<string, string>();

  /** @param onEnd told of each id whose process has ended or made way for another */
  constructor(onEnd: (origin: string) => void) {
    this.#onEnd = onEnd;
  }

  /** One origin is registered. */
  seen(origin: Origin): void {
    const { id, generation, ip } = origin;
    const before = this.#generations.get(id);
    if (before === generation) return;
    this.#generations.set(id, generation);
    if (before === undefined) {
      LOG.info("Origin registered", { origin: id, ip });
    } else {
      LOG.info("Origin restarted", { origin: id, ip });
      this.#onEnd(id);
    }
  }

  /** These origins are registered and no others. */
  update(origins: readonly { readonly origin: Origin }[]): void {
    const present = new Set<string>();
    for (const { origin } of origins) {
      present.add(origin.id);
      this.seen(origin);
    }
    for (const id of this.#generations.keys()) {
      if (present.has(id)) continue;
      this.#generations.delete(id);
      LOG.warn("Origin expired", { origin: id });
      this.#onEnd(id);
    }
  }
}
