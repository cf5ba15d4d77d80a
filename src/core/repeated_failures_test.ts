import assert from "node:assert/strict";
import type { LogRecord } from "@logtape/logtape";
import { ProxyError } from "./errors.ts";
import { RepeatedFailures } from "./repeated_failures.ts";

function failure(properties: Record<string, unknown>): LogRecord {
  const rawMessage = "Session refused";
  const category = ["session"];
  return { category, level: "info", message: [rawMessage], rawMessage, timestamp: 1, properties };
}

function countsOf(failures: RepeatedFailures): unknown[] {
  return failures.takeCounts(2).map(({ properties }) => properties);
}

Deno.test("what is not a failure is always news", () => {
  const failures = new RepeatedFailures(2);
  for (let time = 0; time < 3; time++) assert.ok(failures.isNews(failure({ session: "s" })));
  assert.deepEqual(countsOf(failures), []);
});

Deno.test("the count is reported with the latest record, and starts over", () => {
  const failures = new RepeatedFailures(2);
  const news = ["a", "b", "c"].map((stream) => failures.isNews(failure({ code: "x", stream })));
  assert.deepEqual(news, [true, false, false]);
  assert.deepEqual(countsOf(failures), [{ code: "x", stream: "c", repeated: 2 }]);
  assert.equal(failures.isNews(failure({ code: "x", stream: "d" })), false);
  assert.deepEqual(countsOf(failures), [{ code: "x", stream: "d", repeated: 1 }]);
});

Deno.test("a kind that did not occur between two counts is news again", () => {
  const failures = new RepeatedFailures(2);
  failures.isNews(failure({ code: "x" }));
  assert.deepEqual(countsOf(failures), []);
  assert.equal(failures.isNews(failure({ code: "x" })), false, "it was new only just");
  assert.equal(countsOf(failures).length, 1);
  assert.deepEqual(countsOf(failures), []);
  assert.equal(failures.isNews(failure({ code: "x" })), true);
});

Deno.test("kinds differ by code, protocol, intent and error, up to a limit", () => {
  const kinds = [
    { code: "x" },
    { code: "y" },
    { code: "x", protocol: "rtmp" },
    { code: "x", protocol: "rtmp", intent: "play" },
    { error: new Error("x") },
    { error: new TypeError("x") },
  ];
  const failures = new RepeatedFailures(kinds.length);
  for (const kind of kinds) assert.equal(failures.isNews(failure(kind)), true);
  for (let number = 0; number < 100; number++) {
    const isFirst = number === 0;
    assert.equal(failures.isNews(failure({ code: `made up ${number}` })), isFirst);
  }
  assert.deepEqual(countsOf(failures), [{ code: "made up 99", repeated: 99 }]);
});

Deno.test("defects are told apart by their causes", () => {
  const failures = new RepeatedFailures(9);
  const internal = (cause: Error) => new ProxyError("internal", "Internal error", { cause });
  for (const cause of [new Error("x"), new Error("y"), new TypeError("x")]) {
    assert.equal(failures.isNews(failure({ error: internal(cause) })), true);
    assert.equal(failures.isNews(failure({ error: internal(cause) })), false);
  }
  // Whoever dials in vain may cause many different errors.
  const origin = (cause: Error) => new ProxyError("origin_gone", "Gone", { cause });
  assert.equal(failures.isNews(failure({ error: origin(new Error("x")) })), true);
  assert.equal(failures.isNews(failure({ error: origin(new Error("y")) })), false);
});

Deno.test("a record counted elsewhere counts as often as it says", () => {
  const failures = new RepeatedFailures(2);
  failures.isNews(failure({ code: "x" }));
  failures.isNews(failure({ repeated: 41, code: "x" }));
  failures.isNews(failure({ repeated: 2, code: "x" }));
  const [told] = countsOf(failures) as [Record<string, unknown>];
  assert.deepEqual(Object.entries(told), [["code", "x"], ["repeated", 43]], "the count comes last");
});
