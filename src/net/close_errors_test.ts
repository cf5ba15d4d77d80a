import assert from "node:assert/strict";
import { isClosedError, isOutOfResources } from "./close_errors.ts";

Deno.test("a lack of descriptors is told apart from errors of an origin", () => {
  const noDescriptor = Object.assign(new Error("Too many open files"), { code: "EMFILE" });
  const served = new Error("Too many open files (os error 24)");
  for (const error of [noDescriptor, served]) {
    assert.equal(isOutOfResources(error), true);
    assert.equal(isClosedError(error), false);
  }
  for (
    const error of [new Deno.errors.ConnectionReset("x"), new Deno.errors.ConnectionRefused("x")]
  ) {
    assert.equal(isOutOfResources(error), false);
    assert.equal(isClosedError(error), true);
  }
});
