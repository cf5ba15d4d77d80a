// What a lane has been told and need not ask again: answers that stand until something changes, which
// two reads of shared memory show, or until their time is over. Bounded; the oldest makes room.

import type { ChangeCounts } from "../core/change_counts.ts";
import type { Standing } from "../core/contracts.ts";

/** What answers are compared with. */
export interface KnownAnswersOptions {
  readonly changes: ChangeCounts;
  /** Milliseconds of the lane's clock. */
  readonly now: () => number;
}

/** An answer that stands. */
export interface Known<T> {
  readonly answer: T;
  readonly standing: Standing;
  readonly askedAt: number;
}

/** Answers that are kept at a time. */
const CAPACITY = 10_000;

/** Answers by what was asked. */
export class KnownAnswers<T> {
  readonly now: () => number;
  readonly #changes: ChangeCounts;
  // In the order of their coming.
  readonly #answers = new Map<string, Known<T>>();

  constructor({ changes, now }: KnownAnswersOptions) {
    this.#changes = changes;
    this.now = now;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** What would be answered now, boxed, as it may be undefined; undefined when it must be asked. */
  get(question: string): { readonly answer: T } | undefined {
    const known = this.#answers.get(question);
    if (known === undefined) return undefined;
    const { stamp, left } = known.standing;
    if (this.now() < known.askedAt + left && this.#changes.holds(stamp)) return known;
    this.#answers.delete(question);
    return undefined;
  }

  clear(): void {
    this.#answers.clear();
  }

  keep(question: string, known: Known<T>): void {
    this.#answers.delete(question);
    if (this.#answers.size >= CAPACITY) {
      const [oldest] = this.#answers.keys();
      this.#answers.delete(oldest!);
    }
    this.#answers.set(question, known);
  }
}
