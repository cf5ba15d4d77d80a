import assert from "node:assert/strict";
import { SlidingRate } from "./measure.ts";

Deno.test("a rate is an average over the last seconds only", () => {
  const rate = new SlidingRate(2);
  assert.equal(rate.perSecond, undefined);
  rate.add(1000, 1);
  assert.equal(rate.perSecond, 1000);
  rate.add(3000, 1);
  assert.equal(rate.perSecond, 2000);
  rate.add(5000, 1);
  assert.equal(rate.perSecond, 4000);
  rate.add(70, 10);
  assert.equal(rate.perSecond, 7);
});
