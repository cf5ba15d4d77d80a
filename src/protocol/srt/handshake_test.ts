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
  encodeInduction,
  HANDSHAKE_SIZE,
  hopsOf,
  isAnswerable,
  isCallerInduction,
  isConclusion,
  isInductionAnswer,
  isRefusal,
  limitDatagrams,
  parseHandshake,
  refuseHandshake,
  withStreamId,
  writeHops,
  writePeerIp,
} from "./handshake.ts";
import { controlTypeOf, destinationOf, encodeShutdown, isKeyMaterial, SHUTDOWN } from "./packet.ts";

const STREAM_ID = "#!::r=live/show,m=publish";
const CALLER = -0x12345678;
const full = srtConclusion({ socketId: CALLER, cookie: 77, streamId: STREAM_ID });

Deno.test("an induction is answered with a cookie in a packet no longer than itself", () => {
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

Deno.test("a conclusion is parsed, and repeated with only the necessary changes", () => {
  const read = parseHandshake(full);
  assert.ok(isConclusion(read));
  assert.deepEqual([read.socketId, read.cookie, read.streamId], [CALLER, 77, STREAM_ID]);
  const repeated = concludeWith(full, 99);
  assert.deepEqual(parseHandshake(repeated), { ...read, cookie: 99 });
  const changed = [...full.keys()].filter((at) => full[at] !== repeated[at]);
  assert.deepEqual(changed, [47]);
});

Deno.test("only a caller's first packet is taken for an induction", () => {
  const isAnswered = (packet: Uint8Array) => isCallerInduction(parseHandshake(packet));
  assert.ok(isAnswered(srtInduction(CALLER)));
  assert.ok(isAnswered(encodeInduction(CALLER)));
  const fields = { version: 4, extensionField: 2, type: 1, socketId: CALLER };
  assert.ok(isAnswered(srtHandshake(fields)));
  for (
    const changed of [
      ...[{ version: 5 }, { version: 0 }, { extensionField: 0x4a17 }, { extensionField: 0 }],
      ...[{ type: 0 }, { type: -1 }, { type: 1002 }, { socketId: 0 }, { cookie: 1 }],
    ]
  ) assert.ok(!isAnswered(srtHandshake({ ...fields, ...changed })), JSON.stringify(changed));
  assert.ok(!isAnswered(answerInduction(srtInduction(CALLER), 5)), "a listener's answer");
  assert.ok(!isAnswered(answerInduction(srtInduction(CALLER), 0)));
});

Deno.test("our own induction contains nothing of the caller but the socket id", () => {
  const [one, other] = [encodeInduction(CALLER), encodeInduction(CALLER + 1)];
  assert.deepEqual([...one.keys()].filter((at) => one[at] !== other[at]), [43]);
  const read = parseHandshake(one);
  assert.ok(isAnswerable(read, one.length));
  assert.equal(read.socketId, CALLER);
});

Deno.test("conclusions that listeners do not answer are recognized", () => {
  const isFine = (fields: Partial<Parameters<typeof srtConclusion>[0]>) => {
    const packet = srtConclusion({ socketId: CALLER, streamId: STREAM_ID, ...fields });
    return isAnswerable(parseHandshake(packet), packet.length);
  };
  for (const mss of [576, 1360, 1500, 9000, 65_535, 0x7fffffff]) assert.ok(isFine({ mss }));
  for (const mss of [0, 20, 31, 32, 76, 107, 575, 0x80000000, 0xffffffff]) {
    assert.ok(!isFine({ mss }), `${mss} bytes`);
  }
  for (const flowWindow of [2, 32, 25_600, 0x7fffffff]) assert.ok(isFine({ flowWindow }));
  for (const flowWindow of [0, 1, 0x80000000, 0xffffffff]) {
    assert.ok(!isFine({ flowWindow }), `${flowWindow} packets`);
  }
  for (const sequence of [0, 1, 0x7ffffffe]) assert.ok(isFine({ sequence }));
  for (const sequence of [0x7fffffff, 0x80000000, 0xffffffff]) {
    assert.ok(!isFine({ sequence }), `from ${sequence}`);
  }
  // An Ethernet packet has room for 1,472 bytes.
  const rest = srtConclusion({ socketId: CALLER, streamId: STREAM_ID }).length + 4;
  const filled = (length: number) => [{ type: 99, data: new Uint8Array(length - rest) }];
  assert.ok(isFine({ extensions: filled(1472) }));
  assert.ok(!isFine({ extensions: filled(1476) }));
  assert.ok(isFine({ extensions: filled(1476), mss: 9000 }));
});

Deno.test("a StreamID is added to a conclusion that has none", () => {
  for (const streamId of ["a", "live/show", STREAM_ID, "x".repeat(512)]) {
    for (const extensionField of [0, 1, 5]) {
      const bare = srtConclusion({ socketId: CALLER, cookie: 77, extensionField });
      const named = parseHandshake(withStreamId(bare, streamId));
      assert.equal(named.streamId, streamId);
      assert.deepEqual([named.socketId, named.cookie, named.type], [CALLER, 77, -1]);
      assert.equal(named.extensionField, extensionField | 4);
    }
  }
});

Deno.test("proxies on the way are counted, and other values are not taken for counts", () => {
  const packet = srtConclusion({ socketId: CALLER, cookie: 77, streamId: STREAM_ID });
  const before = parseHandshake(packet);
  assert.equal(hopsOf(packet), 0);
  for (const hops of [1, 2, 255]) {
    writeHops(packet, hops);
    assert.equal(hopsOf(packet), hops);
  }
  assert.deepEqual(parseHandshake(packet), before);
  packet.set([0, 0, 0, 9], 4);
  assert.equal(hopsOf(packet), 0);
});

Deno.test("the datagram size is limited and never raised", () => {
  for (const [mss, limited] of [[9000, 2076], [0xffffffff, 2076], [2076, 2076], [1500, 1500]]) {
    const packet = srtConclusion({ socketId: CALLER, mss: mss! });
    limitDatagrams(packet, 2048);
    assert.equal(parseHandshake(packet).mss, limited);
  }
});

Deno.test("a refusal tells its reason", () => {
  const refusal = refuseHandshake(full, 1404);
  assert.equal(refusal.length, HANDSHAKE_SIZE);
  assert.equal(destinationOf(refusal), CALLER);
  const read = parseHandshake(refusal);
  assert.ok(isRefusal(read));
  assert.equal(read.type, 2404);
  assert.ok(!isRefusal(parseHandshake(full)));
});

Deno.test("StreamIDs of up to 512 bytes are read, longer ones refused", () => {
  for (const length of [0, 1, 2, 3, 4, 5, 511, 512]) {
    const streamId = "x".repeat(length);
    assert.equal(parseHandshake(srtConclusion({ socketId: 1, streamId })).streamId, streamId);
  }
  for (const length of [513, 1000]) {
    const packet = srtConclusion({ socketId: 1, streamId: "x".repeat(length) });
    assert.throws(() => parseHandshake(packet), ProtocolError);
  }
});

Deno.test("key material is measured, unknown extensions are skipped", () => {
  const extensions = [
    { type: 3, data: new Uint8Array(60) },
    { type: 99, data: new Uint8Array(8) },
  ];
  const read = parseHandshake(srtConclusion({ socketId: 1, extensions, streamId: "a/b" }));
  assert.deepEqual([read.keyMaterial, read.streamId], [60, "a/b"]);
});

Deno.test("all key material counts, however it is split", () => {
  for (const [long, short] of [[1200, 4], [4, 1200]] as const) {
    const [one, other] = [new Uint8Array(long), new Uint8Array(short)];
    const extensions = [{ type: 3, data: one }, { type: 4, data: other }, { type: 3, data: one }];
    const read = parseHandshake(srtConclusion({ socketId: 1, streamId: "a/b", extensions }));
    assert.equal(read.keyMaterial, 2 * one.length + other.length);
  }
});

Deno.test("a StreamID is interpreted as the origin does", () => {
  // Without its flag libsrt ignores it.
  const flagless = srtConclusion({ socketId: 1, streamId: "a/b", extensionField: 1 });
  assert.equal(parseHandshake(flagless).streamId, "");
  // Of two, some programs take the first and others the second.
  const extensions = [streamIdExtension("a/b")];
  const twice = srtConclusion({ socketId: 1, streamId: "a/c", extensions });
  assert.throws(() => parseHandshake(twice), ProtocolError);
  // A byte order mark is an ordinary character.
  const marked = srtConclusion({ socketId: 1, streamId: "\ufeff#!::r=a/b" });
  assert.equal(parseHandshake(marked).streamId, "\ufeff#!::r=a/b");
});

Deno.test("key material within a session is recognized", () => {
  const packet = (type: number, subtype: number) =>
    Uint8Array.of(0x80 | (type >> 8), type, subtype >> 8, subtype, ...new Array(12).fill(0));
  assert.ok(isKeyMaterial(packet(0x7fff, 3)));
  assert.ok(isKeyMaterial(packet(0x7fff, 4)));
  for (const [type, subtype] of [[0x7fff, 1], [0x7fff, 0x303], [0, 3], [0x7f, 3], [6, 4]]) {
    assert.ok(!isKeyMaterial(packet(type!, subtype!)));
  }
  assert.ok(!isKeyMaterial(Uint8Array.of(0x7f, 0xff, 0, 3, ...new Array(12).fill(0))), "data");
});

Deno.test("every truncation, and every extension longer than its packet, is refused", () => {
  for (let length = 0; length < full.length; length++) {
    const cut = full.slice(0, length);
    // A packet may end between two extensions.
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

Deno.test("a version 4 handshake has no extensions", () => {
  const old = srtHandshake({ version: 4, extensionField: 2, type: -1, socketId: 3 });
  assert.ok(!isConclusion(parseHandshake(old)));
});

Deno.test("addresses are written as in libsrt", () => {
  const packet = full.slice();
  writePeerIp(packet, [192, 0, 2, 7]);
  assert.deepEqual([...packet.subarray(48, 64)], [7, 2, 0, 192, ...new Array(12).fill(0)]);
  writePeerIp(packet, Array.from({ length: 16 }, (_, index) => index));
  assert.deepEqual([...packet.subarray(48, 56)], [3, 2, 1, 0, 7, 6, 5, 4]);
});

Deno.test("a shutdown is addressed to its socket", () => {
  const packet = encodeShutdown(CALLER);
  assert.equal(controlTypeOf(packet), SHUTDOWN);
  assert.equal(destinationOf(packet), CALLER);
  assert.equal(controlTypeOf(Uint8Array.of(0x7f, 0xff)), -1);
});
