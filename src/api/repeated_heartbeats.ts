// Accepts heartbeats that repeat, word for word, one that was accepted a moment ago. An origin says the same
// every few seconds; checking it again each time was most of the load of the thread that all lanes need.

import type { Clock } from "../core/clock.ts";
import type { Metrics } from "../core/contracts.ts";
import { ExpiringMap } from "../core/expiring_map.ts";
import type { Origin } from "../core/origin.ts";
import type { Registrar } from "../core/registrar.ts";

/** How many are remembered, in how many characters at most, and for how many milliseconds. */
const CAPACITY = 2_000;
const LONGEST = 2_048;
const HOLDS = 60_000;

export interface RepeatedHeartbeatsOptions {
  readonly clock: Pick<Clock, "now">;
  readonly registrar: Pick<Registrar, "register">;
  readonly metrics: Metrics;
  /** What decides whether a heartbeat is accepted: objects of which one is another after each change. */
  grounds(): readonly object[];
}

/** An accepted heartbeat, and on what grounds it was. */
interface Accepted {
  readonly origin: Origin;
  readonly grounds: readonly object[];
}

export class RepeatedHeartbeats {
  readonly #options: RepeatedHeartbeatsOptions;
  readonly #accepted = new ExpiringMap<string, Accepted>({ capacity: CAPACITY, ttl: HOLDS });

  constructor(options: RepeatedHeartbeatsOptions) {
    this.#options = options;
  }

  /**
   * Remembers a heartbeat that has been accepted.
   *
   * @param verbatim the whole request and who has sent it
   */
  note(verbatim: string, origin: Origin): void {
    if (verbatim.length > LONGEST) return;
    const { clock, grounds } = this.#options;
    const now = clock.now();
    this.#accepted.expire(now);
    this.#accepted.set(verbatim, { origin, grounds: grounds() }, now);
  }

  /** Registers the origin if this was accepted before. @returns whether it was, and still is */
  async accept(verbatim: string): Promise<boolean> {
    const { clock, registrar, metrics, grounds } = this.#options;
    this.#accepted.expire(clock.now());
    const known = this.#accepted.get(verbatim, clock.now());
    const now = grounds();
    if (known === undefined || known.grounds.some((one, at) => one !== now[at])) return false;
    try {
      await registrar.register(known.origin);
    } catch {
      // It is refused in full, with a reason.
      return false;
    }
    metrics.count("srs_proxy_registrations_total", { result: "accepted" });
    return true;
  }
}
