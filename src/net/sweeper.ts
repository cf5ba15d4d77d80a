// Looks again and again for clients that are idle or take nothing, often enough for the deadlines that
// hold now.

import type { Clock } from "../core/clock.ts";

/** Longest time between two sweeps, milliseconds. */
const LONGEST = 1_000;

/** Milliseconds after which a sweep finds somebody. */
export interface SweptTimeouts {
  readonly idle: number;
  readonly stall: number;
}

/** What is swept. */
export interface SweeperOptions {
  readonly clock: Clock;
  /** Asked before every sweep. */
  timeouts(): SweptTimeouts;
  /** @param elapsed milliseconds since the last sweep */
  sweep(elapsed: number): void;
}

/** Sweeps until it is disposed of. */
export class Sweeper implements Disposable {
  readonly #options: SweeperOptions;
  #timer: Disposable;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#timer = this.#next();
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #next(): Disposable {
    const { idle, stall } = this.#options.timeouts();
    const interval = Math.min(LONGEST, idle / 2, stall / 2);
    return this.#options.clock.after(interval, () => {
      this.#timer = this.#next();
      this.#options.sweep(interval);
    });
  }
}
