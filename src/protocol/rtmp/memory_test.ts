// Peers can make the RTMP code keep no more than they have sent, within limits.

import assert from "node:assert/strict";
import { MessageWriter } from "./message_writer.ts";
import { Allowance } from "../../core/memory.ts";
import { ProtocolError } from "../../core/errors.ts";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { filler } from "../../../tests/support/rtmp_wire.ts";
import { ChunkRelay } from "./chunk_relay.ts";
import { ChunkScanner, STREAM_COST } from "./chunk_scanner.ts";
import { ClientConversation } from "./client_conversation.ts";
import { MAX_CONVERSATION } from "./message_assembler.ts";
import { StreamIds } from "./stream_ids.ts";

function connected(): Script {
  return new Script().command(["connect", 1, { app: "live", tcUrl: "rtmp://media.example/live" }]);
}

function keptBytes({ assembler, said }: ClientConversation): number {
  let kept = assembler.bodies.allocated;
  for (const { message } of said) kept += message.body.length;
  return kept;
}

/** A memory budget for a conversation. */
function memoryOf(bytes = MAX_CONVERSATION): Allowance {
  return new Allowance(bytes, "Cannot keep more of this test");
}

Deno.test("ClientConversation takes memory for bytes received, not for announced lengths", () => {
  const memory = memoryOf();
  const conversation = new ClientConversation(new MessageWriter(), memory);
  conversation.push(connected().control(1, 1).bytes);
  const before = memory.taken;
  for (let id = 10; id < 14; id++) {
    conversation.push(Uint8Array.of(id, 0, 0, 0, 0, 0xfd, 0xe8, 20, 0, 0, 0, 0, 1));
  }
  assert.ok(keptBytes(conversation) < 4_096, `${keptBytes(conversation)} bytes are kept`);
  assert.ok(memory.taken - before < 8_192, `${memory.taken - before} bytes are counted`);
});

Deno.test("ClientConversation bounds the memory for unfinished messages", () => {
  const memory = memoryOf();
  const conversation = new ClientConversation(new MessageWriter(), memory);
  conversation.push(connected().control(1, 65_000).bytes);
  assert.throws(() => {
    for (let id = 10; id < 20; id++) {
      conversation.push(
        Uint8Array.of(id, 0, 0, 0, 1, 0, 0, 18, 0, 0, 0, 0, ...filler(65_000)),
      );
    }
  }, ProtocolError);
  assert.ok(keptBytes(conversation) <= MAX_CONVERSATION);
  assert.ok(memory.taken <= MAX_CONVERSATION);
});

Deno.test("ClientConversation accepts as many chunk streams as SRS's clients use, but not all there can be", () => {
  const open = (count: number) => {
    const conversation = new ClientConversation(new MessageWriter());
    conversation.push(connected().bytes);
    for (let id = 64; id < 64 + count; id++) {
      const basic = [1, (id - 64) & 255, (id - 64) >> 8];
      conversation.push(Uint8Array.of(...basic, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, 7));
    }
  };
  open(400);
  assert.throws(() => open(5_000), ProtocolError);
});

Deno.test("ClientConversation charges exactly what it keeps, and releases the rest", () => {
  const memory = memoryOf();
  const conversation = new ClientConversation(new MessageWriter(), memory);
  conversation.push(connected().bytes);
  const before = memory.taken;
  for (let index = 0; index < 1_000; index++) {
    conversation.push(new Script().control(3, index).bytes);
    conversation.push(new Script().command(["_result", 9, null, "y".repeat(3_000)]).bytes);
  }
  // Acknowledgements use a chunk stream of their own.
  assert.equal(memory.taken - before, STREAM_COST);
});

Deno.test("ClientConversation does not keep the values of commands", () => {
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key${index}`, {}]));
  const conversation = new ClientConversation(new MessageWriter());
  conversation.push(connected().command(["anything", 7, many]).bytes);
  const kept = conversation.said.map(({ command }) => command);
  assert.deepEqual(kept, [{ name: "connect", transaction: 1 }, {
    name: "anything",
    transaction: 7,
  }]);
});

Deno.test("ClientConversation keeps only connect once an origin has accepted the client", () => {
  const script = connected().command(["releaseStream", 2, null, "cam"]);
  const conversation = new ClientConversation(new MessageWriter());
  conversation.push(script.command(["publish", 3, null, "cam"]).bytes);
  const { said, wish } = conversation;
  assert.equal(said.length, 2);
  conversation.settle();
  assert.deepEqual(said.map(({ command }) => command?.name), ["connect"]);
  assert.equal(conversation.wish, undefined);
  const opening = conversation.openingFor(wish!);
  assert.deepEqual(opening.map(({ command }) => command?.name), ["connect", "createStream"]);
});

Deno.test("ChunkRelay takes memory for command bytes received, not for announced lengths", () => {
  const relay = new ChunkRelay("to_origin", new ChunkScanner(), new StreamIds());
  relay.push(new Script().control(1, 1).bytes);
  for (let id = 10; id < 14; id++) {
    relay.push(Uint8Array.of(id, 0, 0, 0, 0, 0xfd, 0xe8, 20, 0, 0, 0, 0, 1));
  }
  assert.ok(relay.collectedBytes < 4_096, `${relay.collectedBytes} bytes are held`);
});

Deno.test("ChunkRelay fills the rest of a chunk with little memory, whatever its announced length", () => {
  const relay = new ChunkRelay("to_client", new ChunkScanner(), new StreamIds());
  relay.push(new Script().control(1, 0x7fffffff).bytes);
  relay.push(Uint8Array.of(6, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0, 7));
  const pieces = relay.cut();
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const buffers = new Set(pieces.map(({ buffer }) => buffer));
  const allocated = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(length >= 0xffffff - 1);
  assert.ok(allocated < 65_536, `${allocated} bytes were allocated`);
});
