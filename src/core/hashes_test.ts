import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { hmacSha1, hmacSha256, sha256 } from "./hashes.ts";

const LENGTHS = [0, 1, 19, 55, 56, 64, 65, 1_504];
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

Deno.test("hashes equal those of Node, for any length and any pieces", () => {
  for (const length of LENGTHS) {
    const [head, rest, key] = [random(length), random(length * 2), random(length)];
    const text = "pässword".repeat(length);
    assert.deepEqual(
      sha256(text, head),
      new Uint8Array(createHash("sha256").update(text).update(head).digest()),
    );
    assert.deepEqual(
      hmacSha256(key, head, rest),
      new Uint8Array(createHmac("sha256", key).update(head).update(rest).digest()),
    );
    assert.deepEqual(
      hmacSha1(text, head, rest),
      new Uint8Array(createHmac("sha1", text).update(head).update(rest).digest()),
    );
  }
});
