import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { type Envelope, Script } from "../../../tests/support/rtmp_script.ts";
import {
  describe,
  filler,
  hex,
  readWire,
  type WireReading,
} from "../../../tests/support/rtmp_wire.ts";
import { ClientConversation, refusal } from "./client_conversation.ts";
import { type Command, encodeCommand, parseCommand, property } from "./command.ts";
import { MAX_CONVERSATION } from "./message_assembler.ts";
import { MessageWriter } from "./message_writer.ts";

const CONNECT = { app: "live", tcUrl: "rtmp://media.example/live?key=1" };

function connected(objectEncoding?: number): Script {
  const fields = objectEncoding === undefined ? CONNECT : { ...CONNECT, objectEncoding };
  return new Script().command(["connect", 1, fields]);
}

function talk(script: Script, writer = new MessageWriter()): ClientConversation {
  const conversation = new ClientConversation(writer);
  conversation.push(script.bytes);
  return conversation;
}

/** What a client that sends this script is answered. */
function answersTo(script: Script): WireReading {
  const writer = new MessageWriter();
  talk(script, writer);
  return readWire(writer.take());
}

function commandsOf({ messages }: WireReading): Command[] {
  return messages.filter(({ type }) => type === 20).map(parseCommand);
}

for (const [asked, given] of [[undefined, 0], [0, 0], [3, 3], [7, 0]] as const) {
  Deno.test(`ClientConversation answers connect with object encoding ${asked}`, () => {
    const conversation = talk(connected(asked));
    const { messages } = answersTo(connected(asked));
    const [, , , result, done] = messages;
    const { name, transaction, values } = parseCommand(result!);
    assert.deepEqual([name, transaction], ["_result", 1]);
    assert.equal(parseCommand(done!).name, "onBWDone");
    assert.equal(property(values[1], "code"), "NetConnection.Connect.Success");
    assert.equal(property(values[1], "objectEncoding"), given);
    assert.deepEqual(conversation.connect, { tcUrl: CONNECT.tcUrl, app: "live" });
  });
}

Deno.test("ClientConversation answers in SRS's order, each message in one chunk", () => {
  const { messages, continuations } = answersTo(connected());
  const shown = messages.map(({ type, chunkStream }) => [type, chunkStream]);
  assert.deepEqual(shown, [[5, 2], [6, 2], [1, 2], [20, 3], [20, 3]]);
  assert.deepEqual(messages[2]!.body, hex("0000 ea60"));
  assert.equal(continuations, 0);
});

for (const transaction of [0, 1, 2, 5]) {
  Deno.test(`ClientConversation answers connect ${transaction} with 1, as SRS does`, () => {
    const script = new Script().command(["connect", transaction, CONNECT])
      .command(["createStream", transaction, null]);
    const answers = commandsOf(answersTo(script)).filter(({ name }) => name === "_result");
    const shown = answers.map((answer) => [answer.transaction, typeof answer.values[1]]);
    assert.deepEqual(shown, [[1, "object"], [transaction, "number"]]);
  });
}

Deno.test("ClientConversation ignores everything before connect", () => {
  const script = new Script().command(["releaseStream", 2, null, "cam"])
    .command(["publish", 3, null, "cam"]).raw(connected().bytes);
  const conversation = talk(script);
  assert.deepEqual(conversation.said.map(({ command }) => command?.name), ["connect"]);
  assert.equal(conversation.wish, undefined);
  assert.equal(commandsOf(answersTo(script)).length, 2);
});

for (
  const [what, tail] of [
    ["an empty key", "0000 00 3ff0000000000000 0000 09"],
    ["no end", ""],
    ["bytes after it", "0000 09 ffff"],
  ] as const
) {
  Deno.test(`ClientConversation accepts a connect with ${what} and keeps it unchanged`, () => {
    const values = encodeCommand("connect", 1, CONNECT);
    const body = Uint8Array.from([...values.slice(0, -3), ...hex(tail)]);
    const conversation = talk(
      new Script().message({ chunkStream: 3, format: 0, type: 20, streamId: 0, body }),
    );
    assert.deepEqual(conversation.connect, { tcUrl: CONNECT.tcUrl, app: "live" });
    assert.deepEqual(conversation.said[0]!.message.body, body);
  });
}

Deno.test("a client whose first commands are invalid is refused in one chunk", () => {
  const writer = new MessageWriter();
  const nameless = new Script().command([1, 2, null]);
  assert.throws(() => talk(nameless, writer), ProtocolError);
  writer.say(refusal(0, { code: "NetConnection.Call.Failed", description: "d".repeat(200) }));
  const { messages, continuations } = readWire(writer.take());
  assert.deepEqual(messages.map(({ type }) => type), [1, 20]);
  assert.equal(continuations, 0);
});

Deno.test("ClientConversation answers a ping on the control chunk stream", () => {
  const ping = { chunkStream: 7, format: 0, type: 4, body: hex("0006 000004d2") } as const;
  const { messages } = answersTo(connected().message(ping));
  const pong = messages.at(-1)!;
  assert.deepEqual([pong.chunkStream, pong.type, pong.body], [2, 4, hex("0007 000004d2")]);
});

Deno.test("ClientConversation answers what it can, and each createStream with a different id", () => {
  const reading = answersTo(
    connected()
      .command(["releaseStream", 2, null, "cam"])
      .command(["createStream", 3, null])
      .command(["createStream", 7, null])
      .command(["getStreamLength", 8, null, "cam"])
      .command(["_checkbw", 0, null])
      .command(["onSomething", 9, null])
      .command(["createStream", 9, null]),
  );
  const given = commandsOf(reading).slice(2).map(({ name, transaction, values }) => {
    return [name, transaction, values[1]];
  });
  assert.deepEqual(given, [
    ["_result", 2, undefined],
    ["_result", 3, 1],
    ["_result", 7, 2],
    ["_result", 9, 3],
  ]);
});

Deno.test("ClientConversation keeps what the origin must be sent, byte for byte", () => {
  const script = connected()
    .control(5, 2500000)
    .command(["createStream", 2, null])
    .userControl(3, 1, 3000)
    .message({ chunkStream: 6, format: 0, time: 77, type: 18, streamId: 1, body: filler(200) })
    .message({ chunkStream: 3, format: 0, type: 17, streamId: 1, body: amf3Command() });
  const conversation = talk(script.command(["play", 3, null, "cam", -1], { streamId: 1 }));
  const kept = conversation.said.map(({ message }) => describe(message));
  assert.deepEqual(kept, readWire(script.bytes).messages.slice(0, -1).map(describe));
  assert.equal(conversation.wish?.name, "cam");
});

function amf3Command(): Uint8Array {
  return Uint8Array.from([0, ...encodeCommand("setVar", 0, null, { a: [1, "2"] })]);
}

Deno.test("ClientConversation drops what concerns only one hop, or no origin", () => {
  const writer = new MessageWriter();
  const conversation = talk(
    connected()
      .control(3, 3073)
      .control(1, 4096)
      .control(2, 5)
      .userControl(6, 1234)
      .userControl(7, 99)
      .command(["deleteStream", 2, null, 5])
      .command(["closeStream", 0, null])
      .command(["_result", 4, null, 1])
      .message({ chunkStream: 3, format: 0, type: 20, body: filler(0) })
      .message({ chunkStream: 4, format: 0, type: 9, streamId: 1, body: filler(100000) }),
    writer,
  );
  assert.deepEqual(conversation.said.map(({ command }) => command?.name), ["connect"]);
  const pongs = readWire(writer.take()).messages.filter(({ type }) => type === 4);
  assert.deepEqual(pongs.map(({ body }) => body), [hex("0007 000004d2")]);
});

Deno.test("ClientConversation stops after the wish and touches nothing after it", () => {
  const before = connected().command(["publish", 2, null, "cam"]).bytes;
  const all = new Uint8Array([...before, 0xff, 0xff, 0xff]);
  const conversation = new ClientConversation(new MessageWriter());
  assert.equal(conversation.push(all), before.length);
});

Deno.test("ClientConversation repeats connect for another origin", () => {
  const conversation = talk(
    new Script().control(5, 1000).raw(connected().bytes)
      .command(["createStream", 2, null])
      .command(["FCPublish", 3, null, "cam"])
      .command(["publish", 4, null, "cam"], { streamId: 9 }),
  );
  const opening = conversation.openingFor(conversation.wish!);
  assert.deepEqual(opening.map(({ command }) => command?.name), ["connect", "createStream"]);
  assert.deepEqual(opening[0]!.message.body, connectBody());
  assert.equal(opening[1]!.createdStream, 9);
  assert.ok(opening.every(({ answered }) => answered));
});

function connectBody(): Uint8Array {
  return readWire(connected().bytes).messages[0]!.body;
}

const REFUSED: readonly (readonly [string, Script, RegExp])[] = [
  ["connect that nests deep", new Script().message(nested("connect")), /deeper than 16/],
  ["a command that nests deep", connected().message(nested("x")), /deeper than 16/],
  ["connect without a tcUrl", new Script().command(["connect", 1, { app: "live" }]), /tcUrl/],
  ["connect without anything", new Script().command(["connect", 1]), /tcUrl/],
  ["publish without a name", connected().command(["publish", 2, null]), /name is missing/],
  ["a command of 64 KiB", connected().command(["x", 2, null, "y".repeat(65536)]), /before publ/],
  ["a name of 64 KiB", connected().command(["play", 2, null, "y".repeat(65530)]), /before publ/],
  ["a User Control message of a byte", connected().message(control("00")), /Cannot read 2 bytes/],
  ["a ping without a time", connected().message(control("0006 0000")), /Cannot read 4 bytes/],
];

/** A command with an object that might crash an origin. */
function nested(name: string): Parameters<Script["message"]>[0] {
  const body = [...encodeCommand(name, 1), ...hex("03 0001 61".repeat(2000))];
  return { chunkStream: 3, format: 0, type: 20, body: Uint8Array.from(body) };
}

function control(body: string): Parameters<Script["message"]>[0] {
  return { chunkStream: 2, format: 0, type: 4, body: hex(body) };
}

for (const [what, script, error] of REFUSED) {
  Deno.test(`ClientConversation refuses ${what}`, () => {
    assert.throws(() => talk(script), (thrown) => {
      assert.ok(thrown instanceof ProtocolError);
      assert.match(thrown.message, error);
      return true;
    });
  });
}

Deno.test("ClientConversation bounds the number of messages", () => {
  const script = connected();
  for (let index = 0; index < 255; index++) script.command(["x", 0, null]);
  const conversation = talk(script);
  assert.equal(conversation.said.length, 256);
  const another = new Script().command(["x", 0, null]).bytes;
  assert.throws(() => conversation.push(another), ProtocolError);
});

/** Sends only the headers of long messages, one on each chunk stream. */
function headersOf(count: number, envelope: Envelope, length: number): Uint8Array {
  const script = connected();
  for (let id = 4; id < 4 + count; id++) {
    const body = filler(128);
    const { bytes } = new Script().message({ chunkStream: id, format: 0, body, ...envelope });
    bytes.set([length >> 16, (length >> 8) & 255, length & 255], 4);
    script.raw(bytes);
  }
  return script.bytes;
}

function keptBytes({ assembler, said }: ClientConversation): number {
  let kept = assembler.bodies.allocated;
  for (const { message } of said) kept += message.body.length;
  return kept;
}

Deno.test("ClientConversation takes no memory for media that comes too early", () => {
  const conversation = new ClientConversation(new MessageWriter());
  conversation.push(headersOf(60, { type: 9 }, 0xfffffe));
  assert.ok(keptBytes(conversation) < 1000);
});

Deno.test("ClientConversation bounds what it keeps over time", () => {
  const conversation = talk(connected());
  const long = new Script().command(["x", 0, null, "y".repeat(60000)]).bytes;
  assert.throws(() => {
    for (let index = 0; index < 10; index++) conversation.push(long);
  }, ProtocolError);
  assert.ok(keptBytes(conversation) <= MAX_CONVERSATION);
});

Deno.test("a refusal is an onStatus of level error, in one chunk of any size", () => {
  const writer = new MessageWriter();
  writer.setChunkSize(16);
  writer.say(refusal(3, { code: "NetStream.Publish.Denied", description: "No" }));
  const { messages, continuations } = readWire(writer.take());
  assert.deepEqual(messages.map(({ type }) => type), [1, 1, 20]);
  assert.equal(continuations, 0);
  const message = messages[2]!;
  assert.equal(message.streamId, 3);
  const { name, values } = parseCommand(message);
  assert.equal(name, "onStatus");
  assert.equal(property(values[1], "level"), "error");
  assert.equal(property(values[1], "code"), "NetStream.Publish.Denied");
});
