// Sweeps regularly for clients that are idle or stalled, often enough for the timeouts currently set.

import { type Clock, untilNext } from "../core/clock.ts";

/** Longest interval between two sweeps, milliseconds. */
const LONGEST = 1_000;

/** Milliseconds after which a client counts as idle or stalled. */
export interface SweptTimeouts {
  readonly idle: number;
  readonly stall: number;
}

export interface SweeperOptions {
  readonly clock: Clock;
  /** Called before every sweep. */
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
    const { clock } = this.#options;
    const delay = untilNext(clock, Math.min(LONGEST, idle / 2, stall / 2));
    return clock.after(delay, () => {
      this.#timer = this.#next();
      this.#options.sweep(delay);
    });
  }
}
