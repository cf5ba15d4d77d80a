import assert from "node:assert/strict";
import { bytesOfText } from "../../core/binary_text.ts";
import { corpusOf } from "../../../tests/support/corpus.ts";
import { stunRequest } from "../../../tests/support/stun_message.ts";
import { writeFrame } from "./framing.ts";
import { beginsWithIce, OPENING } from "./opening.ts";

function framed(user: string): Uint8Array<ArrayBuffer> {
  const request = stunRequest({ user, password: "x" });
  const bytes = new Uint8Array(request.length + 2);
  writeFrame(bytes, request, request.length);
  return bytes;
}

Deno.test("a framed request is recognized by its first ten bytes, however long it is", () => {
  for (const user of ["a:b", `${"a".repeat(256)}:${"b".repeat(200)}`]) {
    const bytes = framed(user);
    for (let length = 0; length <= bytes.length; length++) {
      const told = length < OPENING ? undefined : true;
      assert.equal(beginsWithIce(bytes.subarray(0, length)), told, `${length} bytes`);
    }
  }
});

Deno.test("a single byte that differs is enough", () => {
  const bytes = framed("a:b");
  for (const [at, wrong] of [[0, 8], [1, 19], [1, 21], [2, 1], [3, 2], [6, 0], [7, 0], [9, 0]]) {
    const other = bytes.slice();
    other[at!] = wrong!;
    assert.equal(beginsWithIce(other), false, `byte ${at}`);
    assert.equal(beginsWithIce(other.subarray(0, at! + 1)), false, `byte ${at}, the last one yet`);
  }
});

Deno.test("HTTP, TLS and PROXY headers are recognized by their first byte", () => {
  const openings = [
    "GET",
    "POST",
    "OPTIONS",
    "\r\nGET",
    "\x16\x03\x01",
    "PROXY TCP4",
    "\r\n\r\n\0",
  ];
  for (const text of openings) {
    for (let length = 1; length <= text.length; length++) {
      assert.equal(beginsWithIce(bytesOfText(text.slice(0, length))), false, text);
    }
  }
  for (let first = 8; first < 256; first++) {
    assert.equal(beginsWithIce(Uint8Array.of(first)), false);
  }
});

Deno.test("the corpus: only framed requests are recognized", () => {
  const ice = corpusOf("ice_tcp").filter(({ bytes }) => beginsWithIce(bytes) !== false);
  assert.deepEqual(ice.map(({ name }) => name), ["header_cut", "request_cut", "request_then_http"]);
});
