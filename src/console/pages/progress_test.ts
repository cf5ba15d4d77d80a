import assert from "node:assert/strict";
import { Progress } from "./progress.ts";

Deno.test("a position is stuck when it has not moved for five seconds", () => {
  const progress = new Progress(1000);
  assert.equal(progress.isStuck(0, false, 5999), false);
  assert.equal(progress.isStuck(0, false, 6000), true);
  assert.equal(progress.isStuck(0.5, false, 6500), false);
  assert.equal(progress.isStuck(0.5, false, 11_499), false);
  assert.equal(progress.isStuck(0.5, false, 11_500), true);
  assert.equal(progress.isStuck(0.1, false, 12_000), false);
});

Deno.test("a paused player is not stuck", () => {
  const progress = new Progress(0);
  assert.equal(progress.isStuck(3, true, 1000), false);
  assert.equal(progress.isStuck(3, true, 9000), false);
  assert.equal(progress.isStuck(3, false, 13_999), false);
  assert.equal(progress.isStuck(3, false, 14_000), true);
});

Deno.test("media that arrives in large pieces is given more time", () => {
  const progress = new Progress(0);
  assert.equal(progress.isStuck(0, false, 14_999, 15_000), false);
  assert.equal(progress.isStuck(0, false, 15_000, 15_000), true);
});
