import assert from "node:assert/strict";
import { hex } from "../../../tests/support/rtmp_wire.ts";
import { encodeCommand } from "./command.ts";
import type { RtmpMessage } from "./message.ts";
import { StreamIds } from "./stream_ids.ts";

function message(type: number, streamId: number, body: Uint8Array): RtmpMessage {
  return { chunkStream: 3, timestamp: 0, type, streamId, body };
}

Deno.test("StreamIds leaves unknown ids and 0 unchanged", () => {
  const ids = new StreamIds();
  assert.ok(ids.isIdentity);
  ids.map(1, 1);
  assert.ok(ids.isIdentity);
  ids.map(2, 5);
  assert.ok(!ids.isIdentity);
  assert.deepEqual([ids.toOrigin(2), ids.toOrigin(9), ids.toClient(5), ids.toClient(9)], [
    5,
    9,
    2,
    9,
  ]);
  const control = message(20, 0, encodeCommand("x", 0));
  assert.equal(ids.forOrigin(control).streamId, 0);
});

Deno.test("StreamIds maps an origin's id to the stream in use if several match", () => {
  const ids = new StreamIds();
  ids.map(1, 1);
  ids.map(2, 1);
  assert.equal(ids.toClient(1), 2);
  ids.use(1);
  assert.equal(ids.toClient(1), 1);
  assert.equal(ids.toOrigin(2), 1);
});

for (
  const [what, type, body, expected] of [
    ["StreamBegin", 4, hex("0000 00000002"), hex("0000 00000005")],
    ["SetBufferLength", 4, hex("0003 00000002 00000bb8"), hex("0003 00000005 00000bb8")],
    ["a ping, whose number is a time", 4, hex("0006 00000002"), hex("0006 00000002")],
    ["StreamBegin of stream 0", 4, hex("0000 00000000"), hex("0000 00000000")],
    ["a User Control message cut short", 4, hex("0000 0000"), hex("0000 0000")],
    [
      "deleteStream",
      20,
      encodeCommand("deleteStream", 0, null, 2),
      encodeCommand("deleteStream", 0, null, 5),
    ],
    [
      "deleteStream with bytes after it",
      20,
      Uint8Array.from([...encodeCommand("deleteStream", 0, null, 2), 0xff, 0xff]),
      Uint8Array.from([...encodeCommand("deleteStream", 0, null, 5), 0xff, 0xff]),
    ],
    [
      "deleteStream without an id",
      20,
      encodeCommand("deleteStream", 0, null),
      encodeCommand("deleteStream", 0, null),
    ],
    ["another command", 20, encodeCommand("seek", 0, null, 2), encodeCommand("seek", 0, null, 2)],
    ["audio", 8, hex("0000 00000002"), hex("0000 00000002")],
  ] as const
) {
  Deno.test(`StreamIds translates the body of ${what}`, () => {
    const ids = new StreamIds();
    ids.map(2, 5);
    const before = body.slice();
    assert.deepEqual(ids.forOrigin(message(type, 2, body)).body, expected);
    assert.deepEqual(body, before, "the original has been changed");
    assert.deepEqual(ids.forClient(message(type, 5, expected)).body, before);
  });
}
