import assert from "node:assert/strict";
import { ProxyError } from "./errors.ts";
import { labelFor, parsePlacement } from "./placement_rule.ts";

const CASES: readonly (readonly [pattern: string, stream: string, matches: boolean])[] = [
  ["*/news/*", "v/news/today", true],
  ["*/news/*", "v/newsroom/today", false],
  ["v.example.com/*/*", "v.example.com/live/a", true],
  ["v.example.com/*/*", "w.example.com/live/a", false],
  ["*/live/cam-??", "v/live/cam-07", true],
  ["*/live/cam-??", "v/live/cam-7", false],
  ["*/live/*-hd", "v/live/a-hd-hd", true],
  ["*/live/*-hd", "v/live/a-hd-sd", false],
  ["*/a/b", "v/x/a/b", true],
  ["*/*/*", "v/a/", true],
  ["a/b/c", "a/b/c", true],
  ["a/b/c", "a/b/cc", false],
];

for (const [pattern, stream, matches] of CASES) {
  Deno.test(`${pattern} ${matches ? "matches" : "does not match"} ${stream}`, () => {
    const rules = parsePlacement(`${pattern}=group`);
    assert.equal(labelFor(rules, stream), matches ? "group" : undefined);
  });
}

Deno.test("the first of several matching rules applies", () => {
  const rules = parsePlacement("*/vip/*=gpu, */*/*=rest");
  assert.equal(labelFor(rules, "v/vip/a"), "gpu");
  assert.equal(labelFor(rules, "v/other/a"), "rest");
  assert.deepEqual(parsePlacement(""), []);
});

Deno.test("an invalid rule is refused", () => {
  const long = `${"*".repeat(300)}/a/b=x`;
  for (const text of ["news", "news=x", "a/b=x", "*/a/*=", "*/a/*=*", "*/a/*=-x", "=x", long]) {
    assert.throws(() => parsePlacement(text), ProxyError, text);
  }
  assert.throws(() => parsePlacement("*/a/*=x ".repeat(257)), ProxyError);
});

Deno.test("a pattern of many stars is matched in no time", () => {
  const rules = parsePlacement(`${"*a".repeat(120)}/b/c=x`);
  const startedAt = performance.now();
  assert.equal(labelFor(rules, "a".repeat(700)), undefined);
  assert.ok(performance.now() - startedAt < 1_000);
});
