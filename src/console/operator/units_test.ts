import assert from "node:assert/strict";
import { bitRate, count, countOf, duration, streamName } from "./units.ts";

Deno.test("rates have three digits and a letter", () => {
  assert.equal(bitRate(0), "0 bit/s");
  assert.equal(bitRate(999), "999 bit/s");
  assert.equal(bitRate(2_540_000), "2.5 Mbit/s");
  assert.equal(bitRate(123_400_000_000), "123 Gbit/s");
  assert.equal(bitRate(5e18), "5000000 Tbit/s");
});

Deno.test("a duration shows its two largest parts", () => {
  assert.equal(duration(0), "0 s");
  assert.equal(duration(59.6), "1 min");
  assert.equal(duration(3_605), "1 h");
  assert.equal(duration(90_061), "1 d 1 h");
  assert.equal(duration(-3), "0 s");
});

Deno.test("counts have separators, and their noun is right", () => {
  assert.equal(count(10_000), "10,000");
  assert.equal(countOf(1, "stream"), "1 stream");
  assert.equal(countOf(0, "stream"), "0 streams");
});

Deno.test("a vhost is shown unless it is the default", () => {
  assert.equal(streamName("__defaultVhost__/live/a"), "live/a");
  assert.equal(streamName("v.example.com/live/a"), "v.example.com/live/a");
});
