import assert from "node:assert/strict";
import { parameterOf, takeParameter } from "./query.ts";

Deno.test("a parameter is removed and nothing else is changed", () => {
  const cases: [query: string, value: string | undefined, rest: string][] = [
    ["", undefined, ""],
    ["a=1&b", undefined, "a=1&b"],
    ["x=7", "7", ""],
    ["a=%20&x=7&&b=", "7", "a=%20&&b="],
    ["x=1&x=2&ax=3", "1", "ax=3"],
  ];
  for (const [query, value, rest] of cases) {
    assert.deepEqual(takeParameter(query, "x"), value === undefined ? { rest } : { value, rest });
  }
});

Deno.test("a parameter is found as SRS finds it", () => {
  const cases: [query: string, value: string][] = [
    ["", ""],
    ["app=live&stream=show", "show"],
    ["stream=a&stream=b", "b"],
    ["app=live;stream=show,x=1", "show"],
    ["stream=", ""],
    ["upstream=x&stream=%20", "%20"],
    ["stream=a=b", "a=b"],
  ];
  for (const [query, value] of cases) assert.equal(parameterOf(query, "stream"), value, query);
});
