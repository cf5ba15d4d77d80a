import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { answerConnect, answerStatus, Script } from "../../../tests/support/rtmp_script.ts";
import {
  filler,
  readWire,
  type WireMessage,
  type WireReading,
} from "../../../tests/support/rtmp_wire.ts";
import { ClientConversation } from "./client_conversation.ts";
import { type Command, parseCommand, property } from "./command.ts";
import { MAX_CONVERSATION } from "./message_assembler.ts";
import { MessageWriter } from "./message_writer.ts";
import { OriginConversation } from "./origin_conversation.ts";

const START = "NetStream.Publish.Start";

function open(
  wish: "publish" | "play" = "publish",
  chunkSize = 128,
  name = "cam?t=1",
): OriginConversation {
  const client = new ClientConversation(new MessageWriter());
  const script = new Script().command(["connect", 1, { app: "live", tcUrl: "rtmp://h/live" }]);
  if (chunkSize !== 128) script.control(1, chunkSize);
  script
    .command(["releaseStream", 2, null, "cam"])
    .command(["createStream", 3, null])
    .command([wish, 4, null, name, "live"], { chunkStream: 8, streamId: 1, time: 9 });
  client.push(script.bytes);
  return new OriginConversation({
    said: client.said,
    wish: client.wish!,
    chunkSize: client.scanner.chunkSize,
  });
}

function said(conversation: OriginConversation): string[] {
  return readWire(conversation.takeOutput()).messages.filter(isCommand).map(nameOf);
}

function isCommand({ type }: WireMessage): boolean {
  return type === 20;
}

function nameOf(message: WireMessage): string {
  return parseCommand(message).name;
}

function forClient(conversation: OriginConversation): Command[] {
  return conversation.takeForClient().filter(isCommand).map(parseCommand);
}

function connected(conversation: OriginConversation): void {
  conversation.push(answerConnect(new Script()).bytes);
}

function created(conversation: OriginConversation, id = 1): void {
  connected(conversation);
  conversation.push(new Script().command(["_result", 3, null, id]).bytes);
}

Deno.test("OriginConversation sends the wish when the origin has given its stream id", () => {
  const conversation = open();
  assert.deepEqual(said(conversation), ["connect", "releaseStream", "createStream"]);
  connected(conversation);
  assert.deepEqual(said(conversation), []);
  conversation.push(new Script().command(["_result", 2, null, null]).bytes);
  assert.ok(!conversation.wishSaid);
  conversation.push(new Script().command(["_result", 3, null, 4]).bytes);
  assert.ok(conversation.wishSaid);
  conversation.push(new Script().command(["_result", 3, null, 5]).bytes);
  assert.deepEqual(said(conversation), ["publish"]);
});

Deno.test("OriginConversation gives the wish the origin's stream id", () => {
  const conversation = open("play");
  const opening = conversation.takeOutput().slice();
  created(conversation, 4);
  const all = new Script().raw(opening).raw(conversation.takeOutput()).bytes;
  const wish = readWire(all).messages.filter(isCommand).at(-1)!;
  assert.deepEqual([nameOf(wish), wish.streamId, wish.timestamp, wish.chunkStream], [
    "play",
    4,
    9,
    8,
  ]);
});

/** Everything that a conversation sends, given the origin's answers to connect and createStream. */
function allSaid(conversation: OriginConversation): WireReading {
  const opening = conversation.takeOutput();
  created(conversation);
  return readWire(new Script().raw(opening).raw(conversation.takeOutput()).bytes);
}

function typesOf({ messages }: WireReading): number[] {
  return messages.map(({ type }) => type).filter((type) => type !== 3);
}

Deno.test("OriginConversation never shrinks the chunk size, which crashes some origins", () => {
  const long = `cam?token=${"t".repeat(500)}`;
  for (const chunkSize of [128, 60000]) {
    const reading = allSaid(open("play", chunkSize, long));
    assert.deepEqual(typesOf(reading).filter((type) => type === 1), chunkSize === 128 ? [] : [1]);
    assert.equal(reading.chunkSize, chunkSize);
    assert.equal(reading.rest, 0);
  }
});

Deno.test("OriginConversation writes in the client's chunk size and announces it first", () => {
  const { messages } = readWire(open("publish", 1000).takeOutput());
  assert.deepEqual([...messages[0]!.body], [0, 0, 3, 232]);
  assert.equal(nameOf(messages[1]!), "connect");
});

Deno.test("OriginConversation passes on nothing that the proxy has answered already", () => {
  const conversation = open();
  created(conversation);
  conversation.push(
    new Script()
      .command(["_error", 2, null, { code: "x" }])
      .command(["onBWDone", 0, null])
      .control(3, 1000)
      .control(1, 4096)
      .command(["onFCPublish", 0, null, { code: START }])
      .bytes,
  );
  assert.deepEqual(forClient(conversation).map(({ name }) => name), ["onFCPublish"]);
  assert.equal(conversation.decision, undefined);
  assert.equal(conversation.scanner.chunkSize, 4096);
});

for (const [wish, code] of [["publish", START], ["play", "NetStream.Play.Start"]] as const) {
  Deno.test(`OriginConversation treats ${code} as an acceptance and stops after it`, () => {
    const conversation = open(wish);
    created(conversation);
    const status = answerStatus(new Script(), code).bytes;
    const more = new Uint8Array([...status, 0xff, 0xff]);
    assert.equal(conversation.push(more), status.length);
    assert.deepEqual(conversation.decision, { kind: "accepted" });
    assert.deepEqual(forClient(conversation).map(({ name }) => name), ["onStatus"]);
    assert.equal(conversation.push(more), 0);
  });
}

for (
  const code of ["NetStream.Publish.BadName", "NetStream.Play.StreamNotFound", "NetStream.Any"]
) {
  Deno.test(`OriginConversation treats ${code} as a refusal and passes it on`, () => {
    const conversation = open();
    created(conversation);
    conversation.push(answerStatus(new Script(), code, { level: "error" }).bytes);
    assert.deepEqual(conversation.decision, {
      kind: "refused",
      code,
      description: `About ${code}`,
    });
    assert.equal(property(forClient(conversation)[0]!.values[1], "code"), code);
  });
}

Deno.test("OriginConversation treats an _error answering the wish as a refusal", () => {
  const conversation = open();
  created(conversation);
  conversation.push(
    new Script().command(["_error", 4, null, { code: "No", description: "d" }])
      .bytes,
  );
  assert.deepEqual(conversation.decision, { kind: "refused", code: "No", description: "d" });
  assert.deepEqual(forClient(conversation).map(({ name }) => name), ["_error"]);
});

for (const [command, transaction] of [["connect", 1], ["createStream", 3]] as const) {
  Deno.test(`OriginConversation reports an _error answering ${command} without passing it on`, () => {
    const conversation = open();
    const information = {
      level: "error",
      code: "NetConnection.Connect.Rejected",
      description: "d",
    };
    conversation.push(new Script().command(["_error", transaction, null, information]).bytes);
    assert.deepEqual(conversation.decision, {
      kind: "rejected",
      code: "NetConnection.Connect.Rejected",
      description: "d",
    });
    assert.deepEqual(forClient(conversation), []);
  });
}

Deno.test("OriginConversation truncates a long description of a refusal", () => {
  const conversation = open();
  created(conversation);
  const information = { level: "error", code: "c".repeat(5000), description: "d".repeat(5000) };
  conversation.push(new Script().command(["onStatus", 0, null, information]).bytes);
  const { decision } = conversation;
  assert.ok(decision?.kind === "refused");
  assert.ok(decision.code.length <= 256 && decision.description.length <= 256);
});

Deno.test("OriginConversation treats media as an acceptance, but only after the wish", () => {
  const video = { chunkStream: 6, format: 0, type: 9, streamId: 1, body: filler(500) } as const;
  const conversation = open("play");
  connected(conversation);
  conversation.push(new Script().message(video).bytes);
  assert.equal(conversation.decision, undefined);
  conversation.push(new Script().command(["_result", 3, null, 1]).bytes);
  const { bytes } = new Script().message(video);
  const taken = conversation.push(bytes);
  assert.deepEqual(conversation.decision, { kind: "accepted" });
  assert.equal(taken, 12 + 128, "it did not stop after the first chunk");
  assert.deepEqual(conversation.takeForClient().filter(({ type }) => type === 9), []);
});

Deno.test("OriginConversation ignores a start before it has sent the wish", () => {
  const conversation = open();
  connected(conversation);
  conversation.push(answerStatus(new Script(), START).bytes);
  assert.equal(conversation.decision, undefined);
});

Deno.test("OriginConversation bounds what an origin sends before it decides", () => {
  const conversation = open();
  created(conversation);
  const long = new Script().command(["onSomething", 0, null, "y".repeat(60000)]).bytes;
  let passed = 0;
  assert.throws(() => {
    for (let index = 0; index < 10; index++) {
      conversation.push(long);
      for (const { body } of conversation.takeForClient()) passed += body.length;
    }
  }, ProtocolError);
  assert.ok(passed <= MAX_CONVERSATION);
});

Deno.test("OriginConversation acknowledges what it takes", () => {
  const conversation = open();
  const opening = conversation.takeOutput().slice();
  const { bytes } = answerConnect(new Script());
  conversation.push(bytes.subarray(0, 50));
  conversation.push(bytes.subarray(50));
  const { messages } = readWire(
    new Script().raw(opening).raw(conversation.takeOutput()).bytes,
  );
  const counts = messages.filter(({ type }) => type === 3)
    .map(({ body }) => new DataView(body.buffer).getUint32(0));
  assert.deepEqual(counts, [50, bytes.length]);
});

Deno.test("OriginConversation acknowledges nothing once it has sent the wish", () => {
  const conversation = open("play");
  created(conversation);
  assert.ok(conversation.wishSaid);
  conversation.takeOutput();
  conversation.push(new Script().userControl(0, 1).bytes);
  conversation.push(answerStatus(new Script(), "NetStream.Play.Start").bytes);
  assert.equal(conversation.takeOutput().length, 0);
});

/** Runs a client with these ids at an origin that answers connect with 1, as SRS does. */
function talkOf([connect, release, create]: readonly [number, number, number]) {
  const client = new ClientConversation(new MessageWriter());
  client.push(
    new Script().command(["connect", connect, { app: "live", tcUrl: "rtmp://h/live" }])
      .command(["releaseStream", release, null, "cam"]).command(["createStream", create, null])
      .command(["publish", create, null, "cam"], { streamId: 1 }).bytes,
  );
  return new OriginConversation({ said: client.said, wish: client.wish!, chunkSize: 128 });
}

for (const ids of [[1, 2, 3], [0, 0, 0], [5, 5, 5], [2, 3, 4], [2, 1, 1], [1, 1, 1]] as const) {
  Deno.test(`OriginConversation matches answers when ids are ${ids.join(", ")}`, () => {
    for (const answersRelease of [true, false]) {
      const conversation = talkOf(ids);
      connected(conversation);
      assert.ok(!conversation.wishSaid);
      const answers = new Script();
      if (answersRelease) answers.command(["_result", ids[1], null, undefined]);
      conversation.push(answers.command(["_result", ids[2], null, 4]).bytes);
      assert.ok(conversation.wishSaid);
      assert.equal(conversation.streamIds.toOrigin(1), 4);
      // An answer is passed on if the proxy has not answered, because the client asked for none.
      const forwarded = ids[1] === 0 && answersRelease ? 1 : 0;
      assert.equal(forClient(conversation).length, forwarded);
    }
  });
}

Deno.test("OriginConversation treats a number as createStream's answer, whatever its id", () => {
  const conversation = open();
  connected(conversation);
  conversation.push(new Script().command(["_result", 77, null, 4]).bytes);
  assert.ok(conversation.wishSaid);
  assert.deepEqual(forClient(conversation), []);
});

Deno.test("OriginConversation passes on answers to commands that the proxy has not answered", () => {
  const client = new ClientConversation(new MessageWriter());
  client.push(
    new Script().command(["connect", 1, { app: "live", tcUrl: "rtmp://h/live" }])
      .command(["getStreamLength", 2, null, "cam"]).command(["createStream", 3, null])
      .command(["play", 4, null, "cam"], { streamId: 1 }).bytes,
  );
  const { said } = client;
  const conversation = new OriginConversation({ said, wish: client.wish!, chunkSize: 128 });
  connected(conversation);
  conversation.push(new Script().command(["_result", 2, null, 12.5]).bytes);
  assert.ok(!conversation.wishSaid);
  assert.deepEqual(forClient(conversation).map(({ values }) => values[1]), [12.5]);
});
