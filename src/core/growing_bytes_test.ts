import assert from "node:assert/strict";
import { ProtocolError } from "./errors.ts";
import { BUFFER_COST, GrowingBytes } from "./growing_bytes.ts";
import { Allowance } from "./memory.ts";

Deno.test("bytes in any pieces become one, in at most twice the memory", () => {
  for (const size of [1, 7, 300, 5_000]) {
    const memory = new Allowance(100_000, "Cannot keep more");
    const all = new GrowingBytes(60_000, memory);
    for (let at = 0; at < 20_000; at += size) {
      all.append(new Uint8Array(size).fill(at));
      assert.ok(all.allocated <= Math.max(512, 2 * all.length));
      assert.equal(memory.taken, all.allocated + BUFFER_COST);
    }
    const { bytes } = all;
    assert.equal(bytes.length, Math.ceil(20_000 / size) * size);
    assert.equal(bytes[size], size & 255);
    all.release();
    assert.equal(memory.taken, 0);
  }
});

Deno.test("an announced length takes no memory, and the complete bytes not one too much", () => {
  const memory = new Allowance(100_000, "Cannot keep more");
  const all = new GrowingBytes(1_001, memory);
  assert.equal(memory.taken, 0);
  all.append(new Uint8Array(1_000));
  all.append(new Uint8Array(1));
  assert.equal(all.allocated, 1_001);
  assert.throws(() => all.append(new Uint8Array(1)), RangeError);
});

Deno.test("without memory nothing is appended", () => {
  const memory = new Allowance(1_000, "Cannot keep more");
  const all = new GrowingBytes(60_000, memory);
  all.append(new Uint8Array(500));
  assert.throws(() => all.append(new Uint8Array(500)), ProtocolError);
  assert.equal(all.length, 500);
  all.release();
  assert.equal(memory.taken, 0);
});
