import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { systemClock, within } from "./clock.ts";

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
