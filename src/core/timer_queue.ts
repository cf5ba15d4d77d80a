// Timers of a thread that runs its own loop: asked when the next one is due, told when the time has
// come. Never looks at a clock by itself.

import { type Clock, repeat } from "./clock.ts";
import { TimerHeap } from "./timer_heap.ts";

/** A clock that stands still between two calls of `advance`. */
export class TimerQueue implements Clock {
  #now: number;
  readonly #heap = new TimerHeap();

  /** @param now milliseconds, of the clock that `advance` is told later */
  constructor(now: number) {
    this.#now = now;
  }

  /** Time of the last `advance`, milliseconds. */
  now(): number {
    return this.#now;
  }

  /** Milliseconds until the next timer is due; infinity when there is none. */
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
   * Calls back whatever is due until `now`, except what is set meanwhile: that waits for the next call.
   *
   * @returns whether there was any
   */
  advance(now: number): boolean {
    this.#now = Math.max(this.#now, now);
    const limit = this.#heap.count;
    let hasCalled = false;
    // What is set meanwhile is due no earlier than all that was there, and stands behind it.
    while ((this.#heap.first?.number ?? limit) < limit) {
      const timer = this.#heap.take(this.#now);
      if (timer === undefined) break;
      hasCalled = true;
      timer.callback();
    }
    return hasCalled;
  }
}
