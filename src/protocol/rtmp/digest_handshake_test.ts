import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { hex } from "../../../tests/support/rtmp_wire.ts";
import { findDigest, type Hmac } from "./digest_handshake.ts";
import { encodeAnswer, encodeGreeting, HANDSHAKE_BLOCK } from "./handshake.ts";

const hmac: Hmac = (key, ...data) => {
  const hmac = createHmac("sha256", key);
  for (const one of data) hmac.update(one);
  return hmac.digest();
};

const PARTS = {
  greeting: encodeGreeting((block) => block.fill(9)),
  random: (block: Uint8Array) => block.forEach((_, index) => block[index] = index * 13 + 5),
  hmac,
};

/** Vectors computed by an independent Python program; C1 is a pattern with the digest inserted. */
const VECTORS = [
  {
    scheme: 0,
    at: 1486,
    c1: "83fdaa7f56fac87d75ce486db37b2722c39fb4290a29eaca81211e59612ae0fc",
    s1: { at: 1082, digest: "f76f22122608a290f96c7bf9ea8d85c5353dca8b235402447f6ec1e11f0e0f7c" },
    s2: "47b3751118f101f64517d4a3caacc995cb59506a9aacc36997ffac9c8618b7f4",
    answer: "7ded90ef86c569c76808112cd8eb3e4f12eeb093cfa6c428aad2e96b8cc041cd",
  },
  {
    scheme: 1,
    at: 450,
    c1: "750aa77a541293fc1c59b1d38e59bfb39b75c0cef82d64aa2a46edaedb9ddfc4",
    s1: { at: 526, digest: "76935d59486c13c36fb1ff6f57ece1b75d635d3589a5d5151c241da3a3a11e03" },
    s2: "8d779f5649064efbab5bc8d0f137dcc8eff5bd060aa67ae1ad5ed7a83c4019c7",
    answer: "50a68a6999b756f940384925ce4680ca9225f1f2d6fe6f760dff8877cf55ebe6",
  },
] as const;

function signed({ at, c1 }: (typeof VECTORS)[number]): Uint8Array<ArrayBuffer> {
  const greeting = new Uint8Array(1 + HANDSHAKE_BLOCK);
  for (let index = 0; index < HANDSHAKE_BLOCK; index++) greeting[1 + index] = index * 31 + 7;
  greeting[0] = 3;
  greeting.set(hex(c1), 1 + at);
  return greeting;
}

for (const vector of VECTORS) {
  Deno.test(`a client that signs with scheme ${vector.scheme} gets a signed answer`, () => {
    const answer = encodeAnswer(signed(vector), PARTS);
    assert.deepEqual([...answer.subarray(0, 9)], [3, 0, 0, 0, 0, 1, 0, 5, 4]);
    const s1 = answer.subarray(1 + vector.s1.at, 1 + vector.s1.at + 32);
    assert.deepEqual(s1, hex(vector.s1.digest));
    assert.deepEqual(answer.subarray(-32), hex(vector.s2));
    assert.equal(createHash("sha256").update(answer).digest("hex"), vector.answer);
  });

  Deno.test(`a client whose digest of scheme ${vector.scheme} is wrong gets a plain answer`, () => {
    for (const index of [0, 100, vector.at, vector.at + 31, 1535]) {
      const greeting = signed(vector);
      greeting[1 + index]! ^= 1;
      const answer = encodeAnswer(greeting, PARTS);
      assert.deepEqual(answer.subarray(0, 1537), PARTS.greeting);
      assert.deepEqual(answer.subarray(1537), greeting.subarray(1));
    }
  });
}

Deno.test("a client that does not sign gets a plain answer, whatever its bytes point at", () => {
  for (const fill of [0, 1, 127, 255]) {
    const c1 = new Uint8Array(HANDSHAKE_BLOCK).fill(fill);
    assert.equal(findDigest(c1, hmac), undefined);
  }
});

Deno.test("the digests of an answer are inside their blocks wherever the random bytes point", () => {
  for (let fill = 0; fill < 256; fill++) {
    const random = (block: Uint8Array) => block.fill(fill);
    const answer = encodeAnswer(signed(VECTORS[fill % 2]!), { ...PARTS, random });
    assert.equal(answer.length, 1 + 2 * HANDSHAKE_BLOCK);
  }
});
