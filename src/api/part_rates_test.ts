import assert from "node:assert/strict";
import { PartRates } from "./part_rates.ts";

Deno.test("parts of a stream have one rate, and none once they stop", () => {
  let now = 0;
  const rates = new PartRates({ now: () => now });
  const all = () => [...rates.all()];
  const segment = { stream: "v/a/s", origin: "one", bytes: 100_000 };
  // A player fetches two segments at once, and then one of them every five seconds.
  rates.add(segment);
  for (let second = 0; second < 60; second++) {
    if (second % 5 === 0) rates.add(segment);
    now += 1_000;
    const [rate, ...others] = all();
    assert.deepEqual(others, []);
    const { bitsOut, ...rest } = rate!;
    assert.deepEqual(rest, { stream: "v/a/s", origin: "one" });
    assert.ok(bitsOut >= 80_000 && bitsOut <= 300_000, `${bitsOut} after ${second} s`);
  }
  rates.add({ ...segment, origin: "two" });
  now += 1_000;
  assert.deepEqual(all().map(({ origin }) => origin), ["one", "two"]);
  for (let second = 0; second < 20; second++) {
    now += 1_000;
    all();
  }
  assert.deepEqual(all(), []);
});

Deno.test("the number of remembered streams is bounded, and quiet ones make room", () => {
  let now = 0;
  const rates = new PartRates({ now: () => now });
  const addAll = (prefix: string) => {
    for (let at = 0; at < 12_000; at++) {
      rates.add({ stream: `${prefix}${at}`, origin: "one", bytes: 1_000 });
    }
  };
  const streams = () => [...rates.all()].map(({ stream }) => stream);
  addAll("a");
  now += 2_000;
  assert.equal(streams().length, 10_000);
  for (let second = 0; second < 30; second++) {
    now += 1_000;
    streams();
  }
  addAll("b");
  now += 2_000;
  assert.equal(streams().length, 10_000);
  assert.ok(streams().every((stream) => stream.startsWith("b")));
});
