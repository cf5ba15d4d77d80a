import assert from "node:assert/strict";
import { trimEndOf, trimOf } from "./margins.ts";

Deno.test("characters are removed only at the ends", () => {
  assert.equal(trimEndOf("a.b...", "."), "a.b");
  assert.equal(trimEndOf("...", "."), "");
  assert.equal(trimEndOf("", "."), "");
  assert.equal(trimEndOf("a.b", "."), "a.b");
  assert.equal(trimOf(" \t a \t b\t ", " \t"), "a \t b");
  assert.equal(trimOf("\u00a0a\u00a0", " \t"), "\u00a0a\u00a0");
  assert.equal(trimOf(" \t", " \t"), "");
});
