import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { Sweeper } from "./sweeper.ts";

Deno.test("sweeps are as frequent as the current timeouts require", async () => {
  const clock = new VirtualClock();
  const elapsed: number[] = [];
  let timeouts = { idle: 60_000, stall: 60_000 };
  const sweeper = new Sweeper({
    clock,
    timeouts: () => timeouts,
    sweep: (since) => elapsed.push(since),
  });
  await clock.pass(2_500);
  timeouts = { idle: 60_000, stall: 100 };
  await clock.pass(600);
  assert.deepEqual(elapsed, [1_000, 1_000, 1_000, 50, 50]);
  sweeper[Symbol.dispose]();
  await clock.pass(5_000);
  assert.equal(elapsed.length, 5);
  assert.equal(clock.pending, 0);
});
