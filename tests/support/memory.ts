// Whether doing something again and again keeps memory of this process.

import assert from "node:assert/strict";

/** Garbage that may lie about, MiB. */
const SLACK = 12;

/** Does it so many times, after a quarter of them to warm up, and asserts that little is kept. */
export function assertNothingKept(act: (count: number) => void, count: number): void {
  act(count >> 2);
  const before = Deno.memoryUsage().heapUsed;
  act(count);
  const grown = (Deno.memoryUsage().heapUsed - before) / 2 ** 20;
  assert.ok(grown < SLACK, `${grown.toFixed(0)} MiB more memory`);
}
