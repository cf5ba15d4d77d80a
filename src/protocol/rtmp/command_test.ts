import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { hex } from "../../../tests/support/rtmp_wire.ts";
import {
  asStreamCommand,
  encodeCommand,
  encodeConnectResult,
  encodeStatus,
  parseCommand,
  property,
  saysNothing,
} from "./command.ts";
import type { RtmpMessage } from "./message.ts";

function message(body: Uint8Array, type = 20): RtmpMessage {
  return { chunkStream: 3, timestamp: 0, type, streamId: 1, body };
}

Deno.test("parseCommand reads name, transaction and values", () => {
  const body = encodeCommand("play", 4, null, "cam?a=b", -2000, -1, true);
  assert.deepEqual(parseCommand(message(body)), {
    name: "play",
    transaction: 4,
    values: [null, "cam?a=b", -2000, -1, true],
  });
});

Deno.test("parseCommand skips the prefix byte of an AMF3 command", () => {
  const body = Uint8Array.from([0, ...encodeCommand("createStream", 2, null)]);
  assert.equal(parseCommand(message(body, 17)).name, "createStream");
});

Deno.test("parseCommand reads a missing transaction as 0", () => {
  assert.equal(parseCommand(message(encodeCommand("FCUnpublish"))).transaction, 0);
});

for (
  const [what, body, type] of [
    ["nothing", hex(""), 20],
    ["an AMF3 command without its prefix", hex(""), 17],
    ["a name that is no string", encodeCommand(1, 2), 20],
    ["a transaction that is no number", encodeCommand("play", "4"), 20],
    ["a truncated name", hex("02 0005 706c"), 20],
  ] as const
) {
  Deno.test(`parseCommand refuses ${what}`, () => {
    assert.throws(() => parseCommand(message(body, type)), ProtocolError);
  });
}

Deno.test("parseCommand reads as far as it can", () => {
  const body = encodeCommand("publish", 4, null, "cam", "live");
  for (const tail of ["ff ff ff", "00 00 00", "03", "00".repeat(5000)]) {
    const untidy = Uint8Array.from([...body, ...hex(tail)]);
    assert.equal(asStreamCommand(parseCommand(message(untidy)), message(untidy))?.name, "cam");
  }
});

Deno.test("an empty command and a bare time mean nothing", () => {
  assert.ok(saysNothing(message(hex(""))));
  assert.ok(saysNothing(message(hex("00 00 12 34"))));
  assert.ok(!saysNothing(message(encodeCommand("play"))));
});

Deno.test("asStreamCommand accepts only publish and play", () => {
  const wish = (...values: readonly (string | number | null)[]) => {
    const said = message(encodeCommand(...values));
    return asStreamCommand(parseCommand(said), said);
  };
  assert.equal(wish("publish", 5, null, "cam?t=1", "live")?.name, "cam?t=1");
  assert.equal(wish("play", 5, null, "cam")?.intent, "play");
  assert.equal(wish("publish", 5, null, "")?.name, "");
  assert.equal(wish("play2", 5, null, "cam"), undefined);
  assert.throws(() => wish("publish", 5, null), ProtocolError);
  assert.throws(() => wish("play", 5, null, 7), ProtocolError);
});

Deno.test("property finds existing properties and nothing else", () => {
  assert.equal(property({ code: "x" }, "code"), "x");
  for (const value of [null, undefined, "code", 1, ["code"], new Date(0), {}]) {
    assert.equal(property(value, "code"), undefined);
  }
});

Deno.test("encoded answers parse as such", () => {
  const result = parseCommand(message(encodeConnectResult(3)));
  assert.equal(result.name, "_result");
  assert.equal(property(result.values[1], "code"), "NetConnection.Connect.Success");
  assert.equal(property(result.values[1], "objectEncoding"), 3);
  const status = parseCommand(message(encodeStatus("error", "NetStream.Play.Failed", "No")));
  assert.deepEqual([status.name, status.transaction], ["onStatus", 0]);
  assert.equal(property(status.values[1], "description"), "No");
});
