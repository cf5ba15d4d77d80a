// Tells a watchdog that the process is alive, but only while every part of it is: the event loop, which
// this needs to run at all, and everything else with a heart. Knows neither systemd nor threads.

import type { Clock } from "../core/clock.ts";
import type { Heart } from "../core/contracts.ts";

export interface WatchdogOptions {
  /** Milliseconds of silence after which the process is killed from outside. */
  readonly patience: number;
  readonly clock: Clock;
  readonly hearts: readonly Heart[];
  /** Reports that the process is alive. */
  tell(): void;
  /** Called once for each heart that has stopped. */
  onStill(name: string): void;
}

/** Reports per watchdog period, so that three may be lost. */
const TIMES = 4;

export class Watchdog implements Disposable {
  readonly #options: WatchdogOptions;
  readonly #waiting = new Set<Heart>();
  readonly #still = new Set<Heart>();
  readonly #timer: Disposable;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#timer = options.clock.every(Math.max(1, options.patience / TIMES), () => this.#turn());
    // Hearts are not asked yet: the first turn may come too soon for their answers.
    options.tell();
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #turn(): void {
    for (const heart of this.#waiting) {
      if (!this.#still.has(heart)) this.#options.onStill(heart.name);
      this.#still.add(heart);
    }
    if (this.#waiting.size === 0) this.#options.tell();
    for (const heart of this.#options.hearts) {
      if (!this.#waiting.has(heart)) this.#listen(heart);
    }
  }

  /** Treats a heart that fails as stopped. */
  #listen(heart: Heart): void {
    this.#waiting.add(heart);
    heart.beat().then(() => {
      this.#waiting.delete(heart);
      this.#still.delete(heart);
    }, () => {});
  }
}
