import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import {
  checkVersion,
  encodeEcho,
  encodeGreeting,
  HANDSHAKE_ANSWER,
  HANDSHAKE_BLOCK,
  HANDSHAKE_GREETING,
} from "./handshake.ts";

Deno.test("a greeting has version, time 0, four zeros and the random bytes", () => {
  const greeting = encodeGreeting((block) => block.fill(0xab));
  assert.equal(greeting.length, HANDSHAKE_GREETING);
  assert.deepEqual([...greeting.subarray(0, 9)], [3, 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.ok(greeting.subarray(9).every((byte) => byte === 0xab));
  assert.equal(HANDSHAKE_ANSWER, HANDSHAKE_GREETING + HANDSHAKE_BLOCK);
});

Deno.test("an echo is the peer's block without its version", () => {
  const greeting = Uint8Array.from({ length: 2000 }, (_, index) => index === 0 ? 3 : index % 256);
  assert.deepEqual(encodeEcho(greeting), greeting.subarray(1, 1537));
});

Deno.test("only plain RTMP is spoken", () => {
  checkVersion(3);
  for (const version of [0, 1, 2, 6, 8, 0x16, 0x47]) {
    assert.throws(() => checkVersion(version), ProtocolError);
    assert.throws(() => encodeEcho(Uint8Array.from([version, ...new Uint8Array(1536)])));
  }
});
