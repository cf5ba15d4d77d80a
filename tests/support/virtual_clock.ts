// Time that passes only when a test says so, and as fast as the work in it can be done: timers go
// off in their order, and before the next one everything that follows from one has happened. And
// the clock of a process in that time, which can be paused as by SIGSTOP while time goes on.

import { setImmediate } from "node:timers";
import type { Clock } from "../../src/core/clock.ts";

interface Timer {
  readonly due: number;
  readonly number: number;
  readonly callback: () => void;
  isOver: boolean;
}

/** The time of a whole simulated world. */
export class VirtualClock implements Clock {
  /** How many timers have gone off. */
  turns = 0;
  /** How many have been set. */
  timers = 0;
  #now = 0;
  // A heap: no timer is due before its parent.
  readonly #heap: Timer[] = [];

  readonly now = (): number => this.#now;

  after(delay: number, callback: () => void): Disposable {
    const due = this.#now + Math.max(0, delay);
    const timer = { due, number: this.timers++, callback, isOver: false };
    this.#add(timer);
    return {
      [Symbol.dispose]: () => {
        timer.isOver = true;
      },
    };
  }

  every(period: number, callback: () => void): Disposable {
    return repeat(this, period, callback);
  }

  /** Timers that are still to go off. */
  get pending(): number {
    return this.#heap.filter(({ isOver }) => !isOver).length;
  }

  /** Lets so much time pass. @param watch called whenever everything has settled */
  async pass(milliseconds: number, watch?: () => void): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    watch?.();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.due);
      this.turns++;
      next.callback();
      await settled();
      watch?.();
    }
    this.#now = end;
  }

  /** The next timer until then, taken out. */
  #next(end: number): Timer | undefined {
    for (let first = this.#heap[0]; first && first.due <= end; first = this.#heap[0]) {
      this.#takeFirst();
      if (first.isOver) continue;
      first.isOver = true;
      return first;
    }
    return undefined;
  }

  #add(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(timer, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = timer;
  }

  #takeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

/** The clock of one process: what is due while the process is paused happens when it goes on. */
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

  /** Something comes in from outside: now, or when the process goes on, in the order of coming. */
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

  /** The process is killed: nothing happens in it any more. */
  kill(): void {
    this.#isOver = true;
    this.#waiting.length = 0;
  }
}

/** Resolves when nothing can happen any more before a timer goes off. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.due < other.due || (one.due === other.due && one.number < other.number);
}

function repeat(clock: Clock, period: number, callback: () => void): Disposable {
  let timer: Disposable;
  const again = () => {
    timer = clock.after(period, () => {
      again();
      callback();
    });
  };
  again();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
