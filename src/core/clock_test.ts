import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { systemClock, within } from "./clock.ts";

Deno.test("what comes in time is taken, its error too, and no timer is left", async () => {
  const clock = new VirtualClock();
  const onTimeout = () => assert.fail();
  assert.equal(await within(clock, 10, Promise.resolve("it"), onTimeout), "it");
  await assert.rejects(
    within(clock, 10, Promise.reject(new Error("no")), onTimeout),
    /^Error: no$/,
  );
  assert.equal(clock.pending, 0);
});

Deno.test("what does not come in time is somebody else's business, and may still fail", async () => {
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

Deno.test("a time that no timer can wait for has not passed at once", async () => {
  let isOver = false;
  using _timer = systemClock.after(Infinity, () => isOver = true);
  await new Promise<void>((resolve) => systemClock.after(2, resolve));
  assert.equal(isOver, false);
});
