// The sessions of the whole fleet, by origin and by stream: this proxy's current ones, and the others' as
// reported a few seconds ago. Used often, so the store is asked at most once in two seconds.

import type { Clock } from "../core/clock.ts";
import type { SessionCounts } from "../core/fleet.ts";
import { SessionTallies } from "./session_tallies.ts";

export interface FleetTalliesOptions {
  readonly clock: Clock;
  /** Counts the sessions of this proxy. */
  readonly own: () => SessionTallies;
  /** Reports them to the other proxies. */
  readonly tell: (counts: SessionCounts) => Promise<void>;
  /** The other proxies' reports. */
  readonly others: () => Promise<readonly SessionCounts[]>;
  readonly onError: (error: unknown) => void;
}

const TELL_PERIOD = 5_000;
const FRESH_FOR = 2_000;

export class FleetTallies implements Disposable {
  readonly #options: FleetTalliesOptions;
  readonly #timer: Disposable;
  #others: Promise<SessionTallies> | undefined;
  #askedAt = -Infinity;

  constructor(options: FleetTalliesOptions) {
    this.#options = options;
    this.#timer = options.clock.every(TELL_PERIOD, () => this.#tell());
  }

  async get(): Promise<SessionTallies> {
    const { own, others, clock, onError } = this.#options;
    if (this.#others === undefined || clock.now() - this.#askedAt >= FRESH_FOR) {
      this.#askedAt = clock.now();
      this.#others = others()
        .catch((error) => {
          onError(error);
          return [];
        })
        .then((reports) => SessionTallies.ofReports(reports));
    }
    const reported = await this.#others;
    return own().beside(reported);
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  async #tell(): Promise<void> {
    const { own, tell, onError } = this.#options;
    await tell(own().counts()).catch(onError);
  }
}
