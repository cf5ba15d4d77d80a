import assert from "node:assert/strict";
import { ProcessClock, VirtualClock } from "../../tests/support/virtual_clock.ts";
import { repeat, systemClock, untilNext, within } from "./clock.ts";

Deno.test("a promise that settles in time is passed on, errors too, and no timer is left", async () => {
  const clock = new VirtualClock();
  const onTimeout = () => assert.fail();
  assert.equal(await within(clock, 10, Promise.resolve("it"), onTimeout), "it");
  await assert.rejects(
    within(clock, 10, Promise.reject(new Error("no")), onTimeout),
    /^Error: no$/,
  );
  assert.equal(clock.pending, 0);
});

Deno.test("a promise that settles too late is ignored, even if it fails", async () => {
  const clock = new VirtualClock();
  const { promise, reject } = Promise.withResolvers<string>();
  const instead = within(clock, 10, promise, () => "late");
  const none = within(clock, 10, promise, () => {
    throw new Error("too late");
  });
  await Promise.all([clock.pass(10), assert.rejects(none, /too late/)]);
  assert.equal(await instead, "late");
  reject(new Error("nobody hears it"));
  await clock.pass(0);
});

Deno.test("a delay too long for a timer does not end at once", async () => {
  let isOver = false;
  using _timer = systemClock.after(Infinity, () => isOver = true);
  await new Promise<void>((resolve) => systemClock.after(2, resolve));
  assert.equal(isOver, false);
});

Deno.test("what happens again and again does so at multiples of its period, with all others", async () => {
  const clock = new VirtualClock();
  await clock.pass(1_300);
  const seen: [string, number][] = [];
  using _one = repeat(clock, 500, () => seen.push(["one", clock.now()]));
  await clock.pass(300);
  assert.equal(untilNext(clock, 500), 400);
  using _other = repeat(clock, 1_000, () => seen.push(["other", clock.now()]));
  await clock.pass(900);
  assert.deepEqual(seen, [["one", 1_500], ["one", 2_000], ["other", 2_000], ["one", 2_500]]);
});

Deno.test("calls that a thread missed while it stood still are skipped", async () => {
  const world = new VirtualClock();
  const clock = new ProcessClock(world);
  const seen: number[] = [];
  using _timer = repeat(clock, 100, () => seen.push(clock.now()));
  await world.pass(150);
  clock.pause();
  await world.pass(400);
  clock.resume();
  await world.pass(100);
  assert.deepEqual(seen, [100, 550, 600]);
});

Deno.test("a timer that goes off a little early does not go off twice", () => {
  let [now, set]: [number, number | undefined] = [0, undefined];
  let call = () => {};
  const clock = {
    now: () => now,
    after: (delay: number, callback: () => void) => {
      [set, call] = [delay, callback];
      return { [Symbol.dispose]: () => {} };
    },
    every: () => assert.fail(),
  };
  let times = 0;
  using _timer = repeat(clock, 100, () => times++);
  assert.equal(set, 100);
  now = 99.5;
  call();
  assert.deepEqual([times, set], [1, 100.5]);
});
