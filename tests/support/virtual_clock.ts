// Time that passes only when a test says so, as fast as the work can be done: timers fire in order,
// and everything that follows from one happens before the next. Also the clock of a process in that
// time, which can be paused as by SIGSTOP while time goes on.

import { setImmediate } from "node:timers";
import { type Clock, repeat } from "../../src/core/clock.ts";
import { TimerHeap } from "../../src/core/timer_heap.ts";

/** The time of a whole simulated world. */
export class VirtualClock implements Clock {
  /** How many timers have fired. */
  turns = 0;
  #now = 0;
  readonly #heap = new TimerHeap();

  readonly now = (): number => this.#now;

  /** How many have been set. */
  get timers(): number {
    return this.#heap.count;
  }

  after(delay: number, callback: () => void): Disposable {
    const timer = this.#heap.add(this.#now + Math.max(0, delay), callback);
    return { [Symbol.dispose]: () => this.#heap.callOff(timer) };
  }

  every(period: number, callback: () => void): Disposable {
    return repeat(this, period, callback);
  }

  /** Timers that have not fired yet. */
  get pending(): number {
    return this.#heap.pending;
  }

  /** Lets time pass. @param watch called whenever everything has settled */
  async pass(milliseconds: number, watch?: () => void): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    watch?.();
    for (let next = this.#heap.take(end); next; next = this.#heap.take(end)) {
      this.#now = Math.max(this.#now, next.due);
      this.turns++;
      next.callback();
      await settled();
      watch?.();
    }
    this.#now = end;
  }
}

/** The clock of one process: what is due while the process is paused happens when it resumes. */
export class ProcessClock implements Clock {
  readonly #world: Clock;
  readonly #waiting: (() => void)[] = [];
  #isPaused = false;
  #isOver = false;

  constructor(world: Clock) {
    this.#world = world;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  readonly now = (): number => this.#world.now();

  after(delay: number, callback: () => void): Disposable {
    let isOver = false;
    const timer = this.#world.after(delay, () => this.deliver(() => isOver || callback()));
    return {
      [Symbol.dispose]: () => {
        isOver = true;
        timer[Symbol.dispose]();
      },
    };
  }

  every(period: number, callback: () => void): Disposable {
    return repeat(this, period, callback);
  }

  /** Delivers something from outside: now, or when the process resumes, in order of arrival. */
  deliver(callback: () => void): void {
    if (this.#isOver) return;
    if (this.#isPaused) this.#waiting.push(callback);
    else callback();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const next = () => {
      if (this.#isPaused) return;
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#world.after(0, next);
    };
    if (this.#waiting.length > 0) this.#world.after(0, next);
  }

  /** Kills the process: nothing happens in it any more. */
  kill(): void {
    this.#isOver = true;
    this.#waiting.length = 0;
  }
}

/** Resolves when nothing more can happen before a timer fires. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
