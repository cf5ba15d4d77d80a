// Timers ordered by time, and those of the same time by when they were set. Knows no clock.

export interface HeapTimer {
  readonly due: number;
  /** Order among timers of the same time. */
  readonly number: number;
  readonly callback: () => void;
  /** Whether it has fired or was cancelled. */
  isOver: boolean;
}

/** Cancelled timers are removed when there are this many and they outnumber the others. */
const MANY = 256;

/** A heap: no timer is due before its parent. */
export class TimerHeap {
  /** Number of timers set so far. */
  count = 0;
  #over = 0;
  #timers: HeapTimer[] = [];

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.length - this.#over;
  }

  /** The first timer not cancelled; undefined if there is none. */
  get first(): HeapTimer | undefined {
    while (this.#timers[0]?.isOver) {
      this.#takeFirst();
      this.#over--;
    }
    return this.#timers[0];
  }

  add(due: number, callback: () => void): HeapTimer {
    const timer = { due, number: this.count++, callback, isOver: false };
    this.#put(timer);
    return timer;
  }

  /** Removes and returns the first timer if it is due; it counts as fired from now on. */
  take(now: number): HeapTimer | undefined {
    const { first } = this;
    if (first === undefined || first.due > now) return undefined;
    this.#takeFirst();
    first.isOver = true;
    return first;
  }

  callOff(timer: HeapTimer): void {
    if (timer.isOver) return;
    timer.isOver = true;
    this.#over++;
    if (this.#over < MANY || this.#over * 2 < this.#timers.length) return;
    const kept = this.#timers.filter(({ isOver }) => !isOver);
    // A sorted array is a heap.
    this.#timers = kept.sort((one, other) => isBefore(one, other) ? -1 : 1);
    this.#over = 0;
  }

  #put(timer: HeapTimer): void {
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

function isBefore(one: HeapTimer, other: HeapTimer): boolean {
  return one.due < other.due || (one.due === other.due && one.number < other.number);
}
