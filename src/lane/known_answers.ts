// Answers that a lane need not ask for again. An answer holds until something changes, which two reads
// of shared memory tell, or until it expires. Bounded: the oldest answer makes room for a new one.

import type { ChangeCounts } from "../core/change_counts.ts";
import type { Standing } from "../core/contracts.ts";

export interface KnownAnswersOptions {
  readonly changes: ChangeCounts;
  /** Milliseconds on the lane's clock. */
  readonly now: () => number;
}

export interface Known<T> {
  readonly answer: T;
  readonly standing: Standing;
  readonly askedAt: number;
}

const CAPACITY = 10_000;

/** Answers, by question. */
export class KnownAnswers<T> {
  readonly now: () => number;
  readonly #changes: ChangeCounts;
  // In order of arrival.
  readonly #answers = new Map<string, Known<T>>();

  constructor({ changes, now }: KnownAnswersOptions) {
    this.#changes = changes;
    this.now = now;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** The answer that still holds, boxed since it may itself be undefined; undefined if it must be asked. */
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
