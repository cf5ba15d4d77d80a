import assert from "node:assert/strict";
import { jumpFrom } from "./live_edge.ts";

const LATENCY = { most: 4, aim: 1 };

Deno.test("a player that is too far behind jumps near the last picture", () => {
  const ranges = [{ start: 0, end: 20 }];
  assert.equal(jumpFrom(17, ranges, LATENCY), undefined);
  assert.equal(jumpFrom(16, ranges, LATENCY), undefined);
  assert.equal(jumpFrom(15.9, ranges, LATENCY), 19);
});

Deno.test("a gap is jumped over, but media before it is shown first", () => {
  const ranges = [{ start: 0, end: 5 }, { start: 6, end: 6.5 }];
  assert.equal(jumpFrom(4, ranges, LATENCY), undefined);
  assert.equal(jumpFrom(5, ranges, LATENCY), 6);
  assert.equal(jumpFrom(5.5, ranges, LATENCY), 6);
});

Deno.test("nothing is ahead of the last picture", () => {
  assert.equal(jumpFrom(0, [], LATENCY), undefined);
  assert.equal(jumpFrom(9, [{ start: 0, end: 5 }], LATENCY), undefined);
});
