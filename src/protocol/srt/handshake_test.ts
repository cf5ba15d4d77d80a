import assert from "node:assert/strict";
import {
  srtConclusion,
  srtHandshake,
  srtInduction,
  streamIdExtension,
} from "../../../tests/support/srt_packets.ts";
import { ProtocolError } from "../../core/errors.ts";
import {
  answerInduction,
  concludeWith,
  HANDSHAKE_SIZE,
  inductionFor,
  isConclusion,
  isInductionAnswer,
  isRefusal,
  parseHandshake,
  refuseHandshake,
  writePeerIp,
} from "./handshake.ts";
import { controlTypeOf, destinationOf, encodeShutdown, SHUTDOWN } from "./packet.ts";

const STREAM_ID = "#!::r=live/show,m=publish";
const CALLER = -0x12345678;
const full = srtConclusion({ socketId: CALLER, cookie: 77, streamId: STREAM_ID });

Deno.test("an induction is answered with the cookie, and no longer than it was", () => {
  const induction = srtInduction(CALLER);
  const answer = answerInduction(induction, -5);
  assert.equal(answer.length, induction.length);
  assert.equal(destinationOf(answer), CALLER);
  const read = parseHandshake(answer);
  assert.ok(isInductionAnswer(read));
  assert.equal(read.cookie, -5);
  assert.ok(!isInductionAnswer(parseHandshake(induction)));
  const long = new Uint8Array(1400);
  long.set(induction);
  assert.equal(answerInduction(long, 1).length, HANDSHAKE_SIZE);
});

Deno.test("a conclusion is read, and repeated with nothing changed but what must be", () => {
  const read = parseHandshake(full);
  assert.ok(isConclusion(read));
  assert.deepEqual([read.socketId, read.cookie, read.streamId], [CALLER, 77, STREAM_ID]);
  const induction = parseHandshake(inductionFor(full));
  assert.deepEqual([induction.version, induction.type, induction.cookie], [4, 1, 0]);
  assert.equal(induction.socketId, CALLER);
  const repeated = concludeWith(full, 99);
  assert.deepEqual(parseHandshake(repeated), { ...read, cookie: 99 });
  const changed = [...full.keys()].filter((at) => full[at] !== repeated[at]);
  assert.deepEqual(changed, [47]);
});

Deno.test("a refusal says why", () => {
  const refusal = refuseHandshake(full, 1404);
  assert.equal(refusal.length, HANDSHAKE_SIZE);
  assert.equal(destinationOf(refusal), CALLER);
  const read = parseHandshake(refusal);
  assert.ok(isRefusal(read));
  assert.equal(read.type, 2404);
  assert.ok(!isRefusal(parseHandshake(full)));
});

Deno.test("StreamIDs of any length up to 512 bytes are read, longer ones refused", () => {
  for (const length of [0, 1, 2, 3, 4, 5, 511, 512]) {
    const streamId = "x".repeat(length);
    assert.equal(parseHandshake(srtConclusion({ socketId: 1, streamId })).streamId, streamId);
  }
  for (const length of [513, 1000]) {
    const packet = srtConclusion({ socketId: 1, streamId: "x".repeat(length) });
    assert.throws(() => parseHandshake(packet), ProtocolError);
  }
});

Deno.test("key material is measured, unknown extensions are passed over", () => {
  const extensions = [
    { type: 3, data: new Uint8Array(60) },
    { type: 99, data: new Uint8Array(8) },
  ];
  const read = parseHandshake(srtConclusion({ socketId: 1, extensions, streamId: "a/b" }));
  assert.deepEqual([read.keyMaterial, read.streamId], [60, "a/b"]);
});

Deno.test("every truncation, and every extension that says more than it has, is refused", () => {
  for (let length = 0; length < full.length; length++) {
    const cut = full.slice(0, length);
    // Between two extensions a packet may end.
    if (length === HANDSHAKE_SIZE || length === HANDSHAKE_SIZE + 16) continue;
    assert.throws(() => parseHandshake(cut), ProtocolError, `${length} bytes`);
  }
  for (const words of [1000, 0xffff]) {
    const extensions = [{ type: 3, data: new Uint8Array(8), words }];
    assert.throws(() => parseHandshake(srtConclusion({ socketId: 1, extensions })), ProtocolError);
  }
  const empty = { ...streamIdExtension("abcd"), words: 0 };
  const packet = srtConclusion({ socketId: 1, extensions: [empty] });
  assert.throws(() => parseHandshake(packet), ProtocolError);
  const many = Array.from({ length: 40 }, () => ({ type: 9, data: new Uint8Array() }));
  const crowded = srtConclusion({ socketId: 1, extensions: many });
  assert.throws(() => parseHandshake(crowded), ProtocolError);
});

Deno.test("version 4 has no extensions to read", () => {
  const old = srtHandshake({ version: 4, extensionField: 2, type: -1, socketId: 3 });
  assert.ok(!isConclusion(parseHandshake(old)));
});

Deno.test("addresses stand as libsrt writes them", () => {
  const packet = full.slice();
  writePeerIp(packet, [192, 0, 2, 7]);
  assert.deepEqual([...packet.subarray(48, 64)], [7, 2, 0, 192, ...new Array(12).fill(0)]);
  writePeerIp(packet, Array.from({ length: 16 }, (_, index) => index));
  assert.deepEqual([...packet.subarray(48, 56)], [3, 2, 1, 0, 7, 6, 5, 4]);
});

Deno.test("a shutdown is for its socket", () => {
  const packet = encodeShutdown(CALLER);
  assert.equal(controlTypeOf(packet), SHUTDOWN);
  assert.equal(destinationOf(packet), CALLER);
  assert.equal(controlTypeOf(Uint8Array.of(0x7f, 0xff)), -1);
});
