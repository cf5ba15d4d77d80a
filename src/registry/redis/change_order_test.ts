import assert from "node:assert/strict";
import { Census, ChangeOrder } from "./change_order.ts";

Deno.test("a message that follows the last one leaves no gap, one that does not leaves one", () => {
  const order = new ChangeOrder();
  assert.equal(order.startReading(10), false);
  assert.equal(order.hear(11), false);
  assert.equal(order.hear(13), true);
  assert.equal(order.version, 11, "12 is still missing");
  assert.equal(order.hear(12), false);
  assert.equal(order.version, 12);
});

Deno.test("an old message is no gap and moves nothing", () => {
  const order = new ChangeOrder();
  order.startReading(10);
  assert.equal(order.hear(9), false);
  assert.equal(order.version, 10);
});

Deno.test("before the first reading nothing can be missing", () => {
  const order = new ChangeOrder();
  assert.equal(order.hear(500), false);
  assert.equal(order.version, 500);
  assert.equal(order.hear(502), true);
});

Deno.test("an answer counts unless messages have reported as much", () => {
  const order = new ChangeOrder();
  order.startReading(10);
  assert.deepEqual([9, 10, 11].map((version) => order.hasHeard(version)), [true, true, false]);
});

Deno.test("a reading catches up with the numbers, and sees when they have gone back", () => {
  const order = new ChangeOrder();
  order.startReading(10);
  assert.equal(order.startReading(20), false);
  assert.equal(order.version, 20);
  assert.equal(order.startReading(5), true);
  assert.equal(order.version, 5);
  order.beginAnew();
  assert.equal(order.version, 0);
});

Deno.test("a report during a reading beats what was read before it, and is not missing", () => {
  const census = new Census();
  census.tell("changed", 12);
  assert.equal(census.isOutdated("changed", 11), true);
  assert.equal(census.isOutdated("changed", 12), false);
  assert.equal(census.isOutdated("other", 1), false);
  census.find("found");
  const names = ["changed", "found", "gone"];
  assert.deepEqual(names.filter((name) => census.isMissing(name)), ["gone"]);
});
