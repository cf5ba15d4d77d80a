// Timers of a thread that runs its own loop: says when the next one is due, and is told the time. Never
// looks at a clock itself.

import { type Clock, repeat } from "./clock.ts";
import { TimerHeap } from "./timer_heap.ts";

/** A clock that stands still between two calls of `advance`. */
export class TimerQueue implements Clock {
  #now: number;
  readonly #heap = new TimerHeap();

  /** @param now milliseconds on the clock from which `advance` will be called */
  constructor(now: number) {
    this.#now = now;
  }

  /** Time of the last `advance`, milliseconds. */
  now(): number {
    return this.#now;
  }

  /** Milliseconds until the next timer is due; infinity if there is none. */
  get untilNext(): number {
    const { first } = this.#heap;
    return first === undefined ? Infinity : Math.max(0, first.due - this.#now);
  }

  after(delay: number, callback: () => void): Disposable {
    const timer = this.#heap.add(this.#now + Math.max(0, delay), callback);
    return { [Symbol.dispose]: () => this.#heap.callOff(timer) };
  }

  every(period: number, callback: () => void): Disposable {
    return repeat(this, period, callback);
  }

  /**
   * Runs the timers that are due by `now`, except those set meanwhile, which wait for the next call.
   *
   * @returns whether there were any
   */
  advance(now: number): boolean {
    this.#now = Math.max(this.#now, now);
    const limit = this.#heap.count;
    let hasCalled = false;
    // Timers set meanwhile have higher numbers, and come after all that were due before.
    while ((this.#heap.first?.number ?? limit) < limit) {
      const timer = this.#heap.take(this.#now);
      if (timer === undefined) break;
      hasCalled = true;
      timer.callback();
    }
    return hasCalled;
  }
}
