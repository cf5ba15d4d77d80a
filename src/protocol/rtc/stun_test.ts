import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { stunRequest } from "../../../tests/support/stun_message.ts";
import { ProtocolError } from "../../core/errors.ts";
import { type HmacSha1, isBindingRequest, parseBindingRequest, verifyIntegrity } from "./stun.ts";

const hmac: HmacSha1 = (key, head, rest) =>
  createHmac("sha1", key).update(head).update(rest).digest();

/** RFC 5769 section 2.1: a request from the user "evtj:h6vY". */
const SAMPLE = bytes(`
  00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
  00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014
  9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`);
const SAMPLE_PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt";

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9a-f]{2}/g)!, (byte) => parseInt(byte, 16));
}

Deno.test("the sample request of RFC 5769 is read and verified", () => {
  assert.ok(isBindingRequest(SAMPLE, SAMPLE.length));
  const request = parseBindingRequest(SAMPLE);
  assert.equal(request.user, "evtj:h6vY");
  assert.ok(verifyIntegrity(SAMPLE, request, SAMPLE_PASSWORD, hmac));
  assert.ok(!verifyIntegrity(SAMPLE, request, "VOkJxbRl1RmTxUk/WvJxBT", hmac));
});

Deno.test("requests are verified with and without FINGERPRINT, and rejected with any byte changed", () => {
  for (const fingerprint of [true, false]) {
    const message = stunRequest({ user: "abcd:efgh", password: "secret", fingerprint });
    const request = parseBindingRequest(message);
    assert.deepEqual(request.user, "abcd:efgh");
    assert.ok(verifyIntegrity(message, request, "secret", hmac));
    // The cookie, the transaction and the attributes; lengths would move the attributes.
    for (let at = 8; at < request.integrityAt; at++) {
      const changed = message.slice();
      changed[at]! ^= 1;
      try {
        const other = parseBindingRequest(changed);
        assert.ok(!verifyIntegrity(changed, other, "secret", hmac), `byte ${at}`);
      } catch (error) {
        assert.ok(error instanceof ProtocolError);
      }
    }
  }
});

Deno.test("every truncation and every wrong length is refused", () => {
  for (let length = 0; length < SAMPLE.length; length++) {
    const cut = SAMPLE.slice(0, length);
    assert.ok(!isBindingRequest(cut, length) || throws(cut), `${length} bytes`);
    // The same, with the new length in the header.
    if (length < 20) continue;
    cut[3] = length - 20;
    // Nothing after MESSAGE-INTEGRITY is read.
    const isWhole = length >= SAMPLE.length - 8 && length % 4 === 0;
    assert.equal(throws(cut), !isWhole, `${length} bytes that say so`);
  }
  for (const length of [0, 0x7fff, 0xffff]) {
    for (const at of [2, 22, 42, 50, 62, 78]) {
      const changed = SAMPLE.slice();
      new DataView(changed.buffer).setUint16(at, length);
      assert.ok(throws(changed), `length ${length} at ${at}`);
    }
  }
});

Deno.test("user names that no ICE agent uses are refused", () => {
  for (
    const user of ["", "abc", ":", "a:", ":b", "a b:c", "a:b\n", "é:b", `a:${"b".repeat(600)}`]
  ) {
    assert.ok(throws(stunRequest({ user, password: "p" })), user);
  }
});

Deno.test("other messages do not look like Binding requests", () => {
  const changes: readonly [at: number, value: number][] = [[0, 1], [0, 0x80], [1, 0x11], [4, 0]];
  for (const [at, value] of changes) {
    const changed = SAMPLE.slice();
    changed[at] = value;
    assert.ok(!isBindingRequest(changed, changed.length));
  }
  assert.ok(!isBindingRequest(SAMPLE, 19));
});

function throws(message: Uint8Array): boolean {
  try {
    parseBindingRequest(message);
    return false;
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
    return true;
  }
}
