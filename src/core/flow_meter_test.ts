import assert from "node:assert/strict";
import { FlowMeter } from "./flow_meter.ts";

Deno.test("a rate covers the last ten seconds, and is 0 ten seconds after the last byte", () => {
  const meter = new FlowMeter(5_000);
  let [bytes, now] = [0, 5_000];
  const pass = (perSecond: number) => {
    now += 1_000;
    bytes += perSecond;
    return meter.look(now, bytes, 2 * bytes);
  };
  for (let second = 0; second < 30; second++) pass(1_000);
  assert.deepEqual([meter.bitsIn, meter.bitsOut], [8_000, 16_000]);
  assert.ok(bytes - meter.bytesIn <= 1_000);
  for (let second = 0; second < 5; second++) pass(3_000);
  assert.ok(meter.bitsIn > 12_000 && meter.bitsIn < 20_000, String(meter.bitsIn));
  for (let second = 0; second < 7; second++) pass(3_000);
  assert.equal(meter.bitsIn, 24_000);
  const changes = Array.from({ length: 20 }, () => pass(0));
  assert.deepEqual([meter.bitsIn, meter.bytesIn], [0, bytes]);
  assert.equal(changes.slice(-8).some((change) => change), false);
});

Deno.test("an initial burst is not a rate", () => {
  const meter = new FlowMeter(0);
  assert.equal(meter.look(20, 100_000, 0), false);
  assert.equal(meter.bitsIn, 0);
  assert.equal(meter.look(1_000, 100_000, 0), true);
  assert.equal(meter.bitsIn, 800_000);
});

Deno.test("a late sample averages over the time that has passed", () => {
  const meter = new FlowMeter(0);
  for (let now = 2_000; now <= 20_000; now += 2_000) meter.look(now, now, 0);
  assert.equal(meter.bitsIn, 8_000);
  meter.look(60_000, 60_000, 0);
  assert.equal(meter.bitsIn, 8_000);
});
