// Metrics as numbers that a test can read.

import type { Metrics } from "../../src/core/contracts.ts";

/** Accepts every name and label. */
export class Counts implements Metrics {
  readonly #numbers = new Map<string, number>();

  count(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    const key = keyOf(name, labels);
    this.#numbers.set(key, (this.#numbers.get(key) ?? 0) + by);
  }

  gauge(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.#numbers.set(keyOf(name, labels), value);
  }

  observe(): void {}

  /** The value for a name and its label values, separated by spaces; 0 if there is none. */
  of(key: string): number {
    return this.#numbers.get(key) ?? 0;
  }

  /** The sum of a name over all labels. */
  sum(name: string): number {
    return [...this.#numbers].reduce((sum, [key, value]) => {
      return key === name || key.startsWith(`${name} `) ? sum + value : sum;
    }, 0);
  }
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  return [name, ...Object.values(labels)].join(" ");
}
