import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { CoarseClock } from "./coarse_clock.ts";

const GRAIN = 50;

Deno.test("nothing fires early, or late by more than the grain", async () => {
  const clock = new VirtualClock();
  const coarse = new CoarseClock(clock, GRAIN);
  const late: number[] = [];
  for (let at = 0; at < 1_000; at += 7) {
    const delay = (at * 37) % 400;
    const due = coarse.now() + delay;
    coarse.after(delay, () => late.push(coarse.now() - due));
    await clock.pass(7);
  }
  await clock.pass(500);
  assert.equal(late.length, 143);
  assert.ok(late.every((each) => each >= 0 && each <= GRAIN), String(late));
});

Deno.test("many deadlines share one timer, which is cancelled with the last of them", async () => {
  const clock = new VirtualClock();
  const coarse = new CoarseClock(clock, GRAIN);
  for (let round = 0; round < 1_000; round++) {
    const deadlines = [1_500, 450, 1_500].map((delay) => coarse.after(delay, assert.fail));
    assert.equal(clock.pending, 1);
    await clock.pass(1);
    for (const deadline of deadlines) deadline[Symbol.dispose]();
    assert.equal(clock.pending, 0);
  }
  using _last = coarse.after(10_000, assert.fail);
  const before = clock.turns;
  await clock.pass(9_000);
  assert.equal(clock.turns, before, "nobody wakes up for nothing");
});

Deno.test("deadlines due at about the same time fire in one turn, in order", async () => {
  const clock = new VirtualClock();
  const coarse = new CoarseClock(clock, GRAIN);
  const come: number[] = [];
  for (const delay of [130, 110, 120, 101]) coarse.after(delay, () => come.push(delay));
  await clock.pass(149);
  await clock.pass(51);
  assert.deepEqual(come, [101, 110, 120, 130]);
  assert.ok(clock.turns <= 2, String(clock.turns));
});

Deno.test("an exception delays no other callback, and a timer set meanwhile waits its time", async () => {
  const clock = new VirtualClock();
  const coarse = new CoarseClock(clock, GRAIN);
  const come: string[] = [];
  coarse.after(10, () => {
    coarse.after(0, () => come.push("meanwhile"));
    throw new Error("mine");
  });
  coarse.after(11, () => come.push("next"));
  await assert.rejects(clock.pass(100), /mine/);
  await clock.pass(200);
  assert.deepEqual(come.sort(), ["meanwhile", "next"]);
  assert.equal(clock.pending, 0);
});

Deno.test("a periodic timer runs until it is cancelled", async () => {
  const clock = new VirtualClock();
  const coarse = new CoarseClock(clock, GRAIN);
  let turns = 0;
  const timer = coarse.every(100, () => turns++);
  await clock.pass(1_000);
  assert.ok(turns >= 6 && turns <= 10, String(turns));
  timer[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});
