import assert from "node:assert/strict";
import { murmur3 } from "./murmur3.ts";

Deno.test("the hash is MurmurHash3 as published", () => {
  const hash = (text: string, seed: number) => murmur3(new TextEncoder().encode(text), seed);
  assert.equal(hash("", 0), 0);
  assert.equal(hash("", 1), 0x514e28b7);
  assert.equal(hash("", 0xffffffff), 0x81f16f39);
  assert.equal(hash("test", 0), 0xba6bd213);
  assert.equal(hash("test", 0x9747b28c), 0x704b81dc);
  assert.equal(hash("Hello, world!", 0), 0xc0363e43);
  assert.equal(hash("Hello, world!", 0x9747b28c), 0x24884cba);
  assert.equal(hash("The quick brown fox jumps over the lazy dog", 0), 0x2e4ff723);
  assert.equal(hash("The quick brown fox jumps over the lazy dog", 0x9747b28c), 0x2fa826cd);
  assert.equal(murmur3(new Uint8Array([0xff, 0xff, 0xff, 0xff]), 0), 0x76293b50);
  assert.equal(murmur3(new Uint8Array([0x21, 0x43, 0x65]), 0), 0x7e4a8634);
  assert.equal(murmur3(new Uint8Array([0x21, 0x43]), 0), 0xa0f7b07a);
  assert.equal(murmur3(new Uint8Array([0x21]), 0), 0x72661cf4);
});
