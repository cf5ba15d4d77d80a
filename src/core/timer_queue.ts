// Timers of a thread that runs its own loop: asked when the next one is due, told when the time has
// come. Never looks at a clock by itself.

import type { Clock } from "./clock.ts";

interface Timer {
  due: number;
  /** Order of those that are due at one time. */
  readonly number: number;
  readonly callback: () => void;
  isOver: boolean;
}

/** Timers that were called off are thrown out when there are so many, and more of them than others. */
const MANY = 256;

/** A clock that stands still between two calls of `advance`. */
export class TimerQueue implements Clock {
  #now: number;
  #numbers = 0;
  #over = 0;
  /** A heap: no timer is due before its parent. */
  #timers: Timer[] = [];

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
    this.#dropOver();
    const first = this.#timers[0];
    return first === undefined ? Infinity : Math.max(0, first.due - this.#now);
  }

  after(delay: number, callback: () => void): Disposable {
    const due = this.#now + Math.max(0, delay);
    const timer = { due, number: this.#numbers++, callback, isOver: false };
    this.#add(timer);
    return { [Symbol.dispose]: () => this.#callOff(timer) };
  }

  every(period: number, callback: () => void): Disposable {
    let timer: Disposable;
    let isOver = false;
    const next = () => {
      timer = this.after(period, () => {
        next();
        callback();
        if (isOver) timer[Symbol.dispose]();
      });
    };
    next();
    return {
      [Symbol.dispose]: () => {
        isOver = true;
        timer[Symbol.dispose]();
      },
    };
  }

  /**
   * Calls back whatever is due until `now`; timers that are set meanwhile wait for the next call.
   *
   * @returns whether there was any
   */
  advance(now: number): boolean {
    this.#now = Math.max(this.#now, now);
    if (this.untilNext > 0) return false;
    let hasCalled = false;
    const limit = this.#numbers;
    const later: Timer[] = [];
    for (let first = this.#next(); first !== undefined; first = this.#next()) {
      if (first.number >= limit) {
        later.push(first);
        continue;
      }
      first.isOver = hasCalled = true;
      first.callback();
    }
    for (const timer of later) if (!timer.isOver) this.#add(timer);
    return hasCalled;
  }

  /** The next timer that is due, taken out. */
  #next(): Timer | undefined {
    this.#dropOver();
    const first = this.#timers[0];
    if (first === undefined || first.due > this.#now) return undefined;
    this.#takeFirst();
    return first;
  }

  #callOff(timer: Timer): void {
    if (timer.isOver) return;
    timer.isOver = true;
    this.#over++;
    if (this.#over < MANY || this.#over * 2 < this.#timers.length) return;
    const kept = this.#timers.filter(({ isOver }) => !isOver);
    // Sorted, it is a heap.
    this.#timers = kept.sort((one, other) => isBefore(one, other) ? -1 : 1);
    this.#over = 0;
  }

  #dropOver(): void {
    while (this.#timers[0]?.isOver) {
      this.#takeFirst();
      this.#over--;
    }
  }

  #add(timer: Timer): void {
    const heap = this.#timers;
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
    const heap = this.#timers;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    while (true) {
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

function isBefore(one: Timer, other: Timer): boolean {
  return one.due < other.due || (one.due === other.due && one.number < other.number);
}
