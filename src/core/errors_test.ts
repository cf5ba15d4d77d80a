import assert from "node:assert/strict";
import { ERROR_CODES, isOriginFault, type OriginFault, ProxyError } from "./errors.ts";

Deno.test("origin faults are the errors that another origin may not have", () => {
  const faults: readonly OriginFault[] = ["origin_unreachable", "origin_timeout", "origin_gone"];
  const found = ERROR_CODES.filter((code) => isOriginFault(new ProxyError(code, "")));
  assert.deepEqual(found, faults);
  assert.ok(!isOriginFault(new Error("origin_gone")));
});
