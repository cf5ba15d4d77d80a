import assert from "node:assert/strict";
import { findClocks } from "./check_clocks.ts";

function clocksIn(path: string, text: string): string[] {
  return findClocks(new Map([[path, text]]));
}

Deno.test("files that ask the runtime for the time or a timer are found", () => {
  const cases = [
    "const now = Date.now();",
    "const now = new Date();",
    "const now = performance.now();",
    "const timer = setTimeout(act, 1);",
    "let timer: ReturnType<typeof setInterval>;",
    "const signal = AbortSignal.timeout(5);",
    'import { setTimeout as pause } from "node:timers/promises";',
    'import { systemClock } from "../core/clock.ts";',
  ];
  for (const text of cases) {
    const [violation = "", ...more] = clocksIn("src/net/dial.ts", `${text}\n`);
    assert.match(violation, /^src\/net\/dial\.ts: Cannot use /, text);
    assert.deepEqual(more, []);
    assert.deepEqual(clocksIn("src/net/dial_test.ts", text), [], "tests may");
    assert.deepEqual(clocksIn("scripts/test.ts", text), [], "scripts may");
  }
  const fine = "// No Date.now() here.\nconst date = new Date(5);\nconst now = clock.now();\n";
  assert.deepEqual(clocksIn("src/net/dial.ts", fine), []);
});

Deno.test("exceptions are listed, each for what it needs", () => {
  const wall = "tellCounts(Date.now());\n";
  assert.deepEqual(clocksIn("src/http1/exchange.ts", wall), []);
  assert.deepEqual(clocksIn("src/console/pages/play_page.tsx", wall), []);
  assert.equal(clocksIn("src/process/run.ts", `systemClock;\n${wall}`).length, 1);
  assert.match(clocksIn("src/http1/exchange.ts", "")[0] ?? "", /it needs none$/);
});
