// A clock for many deadlines that need not be exact, most of which are cancelled: they share one timer of the
// clock behind it, and those due at about the same time fire in one turn.

import { type Clock, repeat } from "./clock.ts";
import { TimerQueue } from "./timer_queue.ts";

/** Calls back up to `grain` milliseconds late, never early. */
export class CoarseClock implements Clock {
  readonly #clock: Clock;
  readonly #grain: number;
  /** Stands at the time of the last tick. */
  readonly #queue: TimerQueue;
  #tick: Disposable | undefined;
  /** When the next tick is due. */
  #tickDue = Infinity;

  constructor(clock: Clock, grain: number) {
    this.#clock = clock;
    this.#grain = grain;
    this.#queue = new TimerQueue(clock.now());
  }

  now(): number {
    return this.#clock.now();
  }

  after(delay: number, callback: () => void): Disposable {
    const sinceTick = this.#clock.now() - this.#queue.now();
    const timer = this.#queue.after(sinceTick + Math.max(0, delay), callback);
    this.#wait();
    return {
      [Symbol.dispose]: () => {
        timer[Symbol.dispose]();
        if (this.#queue.untilNext === Infinity) this.#rest();
      },
    };
  }

  every(period: number, callback: () => void): Disposable {
    return repeat(this, period, callback);
  }

  #wait(): void {
    const now = this.#clock.now();
    const due = Math.max(now + this.#grain, this.#queue.now() + this.#queue.untilNext);
    if (due >= this.#tickDue) return;
    this.#rest();
    this.#tickDue = due;
    this.#tick = this.#clock.after(due - now, () => this.#advance());
  }

  #rest(): void {
    this.#tick?.[Symbol.dispose]();
    this.#tick = undefined;
    this.#tickDue = Infinity;
  }

  #advance(): void {
    this.#rest();
    try {
      this.#queue.advance(this.#clock.now());
    } finally {
      this.#wait();
    }
  }
}
