import assert from "node:assert/strict";
import { nameFlaw, requireName } from "./names.ts";

const CONTROLS = [
  ...[0x00, 0x09, 0x1f, 0x7f, 0x80, 0x85, 0x9b, 0x9f, 0x2028, 0x2029],
  ...[0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069],
];

Deno.test("a name contains no control characters", () => {
  for (const code of CONTROLS) {
    const name = `a${String.fromCharCode(code)}b`;
    assert.equal(nameFlaw(name), "must not contain control characters", code.toString(16));
    assert.throws(() => requireName(name), { code: "bad_request", message: /control/ });
  }
});

Deno.test("a name contains only whole characters", () => {
  for (const name of ["\ud800", "a\udc00", "\udc00\ud800", "\ud83d"]) {
    assert.equal(nameFlaw(name), "must not contain half a character");
    assert.throws(() => requireName(name), { code: "bad_request", message: /half a character/ });
  }
});

Deno.test("every script and emoji is allowed", () => {
  for (const name of ["show", "a b", "直播", "عرض", "नमस्ते", "👩‍👩‍👧", "\u200eab", "ñ", "\u00a0"]) {
    assert.equal(nameFlaw(name), undefined, name);
    requireName(name);
  }
});

Deno.test("a name has at most 256 bytes", () => {
  requireName("x".repeat(256));
  requireName("ä".repeat(128));
  const tooLong = { code: "bad_request", message: /256 bytes/ };
  for (const name of ["x".repeat(257), "ä".repeat(129)]) {
    assert.throws(() => requireName(name), tooLong);
  }
});
