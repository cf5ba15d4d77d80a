// Checks whether repeating an action leaks memory in this process.

import assert from "node:assert/strict";

/** Uncollected garbage to allow for, MiB. */
const SLACK = 12;

/**
 * Repeats an action, after a quarter as many repetitions to warm up, and asserts that little memory
 * is kept.
 */
export function assertNothingKept(act: (count: number) => void, count: number): void {
  act(count >> 2);
  const before = Deno.memoryUsage().heapUsed;
  act(count);
  const grown = (Deno.memoryUsage().heapUsed - before) / 2 ** 20;
  assert.ok(grown < SLACK, `${grown.toFixed(0)} MiB more memory`);
}
