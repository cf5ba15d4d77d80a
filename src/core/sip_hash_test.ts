import assert from "node:assert/strict";
import { SipHash } from "./sip_hash.ts";

const KEY = Uint8Array.from({ length: 16 }, (_, at) => at);

Deno.test("hashes match the authors' vectors", () => {
  const hash = new SipHash(KEY);
  // The low halves of vectors_sip64 for the messages 00 01 02 … of these lengths.
  const known: Readonly<Record<number, number>> = { 0: 0xdd0e0e31, 15: 0x49be45e5 };
  for (const [length, low] of Object.entries(known)) {
    const message = Uint8Array.from({ length: Number(length) }, (_, at) => at);
    assert.equal(hash.hash(message) >>> 0, low, `${length} bytes`);
    assert.equal(hash.hash(message) >>> 0, low, "again");
  }
});

Deno.test("every bit of key and message matters", () => {
  const message = Uint8Array.from({ length: 22 }, (_, at) => at * 7);
  const plain = new SipHash(KEY).hash(message);
  const seen = new Set([plain]);
  for (let bit = 0; bit < 22 * 8; bit++) {
    const other = message.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    seen.add(new SipHash(KEY).hash(other));
  }
  for (let bit = 0; bit < 16 * 8; bit++) {
    const other = KEY.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    seen.add(new SipHash(other).hash(message));
  }
  for (let length = 0; length < 22; length++) {
    seen.add(new SipHash(KEY).hash(message.subarray(0, length)));
  }
  assert.equal(seen.size, 1 + 22 * 8 + 16 * 8 + 22);
  assert.throws(() => new SipHash(new Uint8Array(15)), RangeError);
});
