import assert from "node:assert/strict";
import { parseDuration } from "./duration.ts";
import { ProxyError } from "./errors.ts";

Deno.test("Go's durations are understood", () => {
  const cases: [string, number][] = [
    ["300s", 300_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1_500],
    ["100ms", 100],
    ["250us", 0.25],
    ["250\u00b5s", 0.25],
    ["250\u03bcs", 0.25],
    ["1000000ns", 1],
    ["0", 0],
    ["0s", 0],
    [".5m", 30_000],
    ["5.s", 5_000],
    ["+3s", 3_000],
    ["-1m1s", -61_000],
    ["1s1s", 2_000],
  ];
  for (const [text, milliseconds] of cases) assert.equal(parseDuration(text), milliseconds, text);
});

Deno.test("a missing unit is explained", () => {
  for (const [text, hint] of [["300", "write 300s"], ["1.5", "write 1.5s"], ["-3", "write -3s"]]) {
    assert.throws(() => parseDuration(text!), new RegExp(`without a unit, ${hint}:`));
  }
  assert.throws(() => parseDuration("9".repeat(65_536)), /^(?!.*write)/);
});

Deno.test("everything else is refused and quoted", () => {
  for (
    const text of ["", "s", "300", "1 s", "1d", "1S", ".s", "1.2.3s", "--1s", "1s ", "1s,", "+"]
  ) {
    assert.throws(
      () => parseDuration(text),
      (error) => error instanceof ProxyError && error.message.endsWith(`current value is ${text}`),
      text,
    );
  }
});
