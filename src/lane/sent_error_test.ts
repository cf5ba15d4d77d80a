import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { receiveError, sendError } from "./sent_error.ts";

Deno.test("an error arrives unchanged in another thread, with its cause as text", () => {
  const cause = new Error("Connection refused (os error 111)");
  const error = new ProxyError("origin_unreachable", "Origin refuses the connection", { cause });
  const received = receiveError(structuredClone(sendError(error)));
  assert.deepEqual([received.code, received.message], [error.code, error.message]);
  assert.equal(String(received.cause), String(cause));
  assert.equal(received.retryable, error.retryable);
});

Deno.test("a defect is sent with its stack", () => {
  const received = receiveError(structuredClone(sendError(new TypeError("no such thing"))));
  assert.equal(received.code, "internal");
  assert.match(String(received.cause), /sent_error_test\.ts/);
});
