// Random senders whose every message must reach the other side unchanged, including timestamps,
// whatever part of the conversation the other side has not seen.

import assert from "node:assert/strict";
import { ProtocolError } from "../../src/core/errors.ts";
import { encodeCommand, parseCommand } from "../../src/protocol/rtmp/command.ts";
import { forEachSeed } from "../support/fuzzing.ts";
import { publishAnswers } from "../support/rtmp_recordings.ts";
import { answerStatus, Script, withStreamId } from "../support/rtmp_script.ts";
import { RandomSender } from "../support/rtmp_random_sender.ts";
import {
  chunkAt,
  describe,
  filler,
  join,
  readWire,
  type SeededRandom,
  type WireMessage,
} from "../support/rtmp_wire.ts";
import { Wiring } from "../support/rtmp_wiring.ts";

const ROUNDS = 1500;
/**
 * What the proxy may send by itself: Set Chunk Size, which the reader follows, and Acknowledgement.
 */
const OWN_WORDS: readonly number[] = [1, 3];

/** A message whose end may reach no origin. */
interface Dropped {
  readonly type: number;
  readonly body: Uint8Array;
}

interface Conversation {
  readonly client: Uint8Array<ArrayBuffer>;
  /** Messages that may be dropped, by the wish that interrupted them. */
  readonly dropped: readonly (readonly Dropped[])[];
}

function publisher(random: SeededRandom, wishes: readonly string[]): Conversation {
  const sender = new RandomSender(random, [2]);
  sender.command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }]);
  sender.chatter(random.below(40));
  sender.command(["createStream", 2, null]);
  sender.chatter(random.below(40));
  const dropped = wishes.map((name, index) => {
    // Before the first wish the proxy drops media; before later ones, an origin has been sent a
    // part of everything but commands.
    const lost = sender.underWay.filter(({ type }) =>
      index > 0 ? type !== 20 : type === 8 || type === 9
    );
    sender.wish(name);
    sender.chatter(100);
    return lost.map(({ type = 0, body }) => ({ type, body }));
  });
  sender.finish();
  return { client: sender.bytes, dropped };
}

function wiringOf(
  random: SeededRandom,
  client: Uint8Array,
  origins: readonly Uint8Array[],
): Wiring {
  const wiring = new Wiring();
  for (const piece of pieces(random, client)) wiring.fromClient(piece);
  origins.forEach((origin, index) => {
    for (const piece of pieces(random, origin)) wiring.fromOrigin(piece, index);
  });
  return wiring;
}

function* pieces(random: SeededRandom, bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.below([3, 200, 70000][random.below(3)]!);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function isWish(message: WireMessage, name?: string): boolean {
  if (message.type !== 20 || message.body.length === 0) return false;
  const command = parseCommand(message);
  return command.name === "publish" && (name === undefined || command.values[1] === name);
}

/** The messages from one wish to the next, if there is one. */
function fromWish(messages: readonly WireMessage[], name: string, streamId = 1): string[] {
  const start = messages.findIndex((message) => isWish(message, name));
  const next = messages.findIndex((message, index) => index > start && isWish(message));
  const own = messages.slice(start, next < 0 ? undefined : next)
    .filter(({ type }) => !OWN_WORDS.includes(type));
  return own.map((message) => describe(withStreamId(message, 1, streamId)));
}

/** A dropped message is recognized by its body, in which the stream may have either of its ids. */
function without(
  told: readonly string[],
  dropped: readonly Dropped[],
  streamId: number,
): string[] {
  const ends = new Set<string>();
  for (const one of dropped.filter(({ body }) => body.length > 0)) {
    const message = { chunkStream: 0, timestamp: 0, ...one, streamId: 0 };
    for (const told of [message, withStreamId(message, 1, streamId)]) {
      ends.add(describe(told).split(" id 0 ")[1]!);
    }
  }
  return told.filter((one) => ![...ends].some((end) => one.endsWith(end)));
}

Deno.test("a chunk stream keeps its timestamps although its User Control reaches the origin late", () => {
  const { bytes: connect } = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }]);
  const setBufferLength = Uint8Array.of(0, 3, 0, 0, 0, 1, 0, 0, 1, 0);
  const on5 = { chunkStream: 5, format: 1, streamId: 0 } as const;
  const client = join([
    connect,
    chunkAt({ ...on5, time: 42, type: 4, body: setBufferLength }, 0, 128),
    chunkAt({ ...on5, time: 92, type: 20, body: encodeCommand("seek", 0, null, 1) }, 0, 128),
    new Script().command(["createStream", 2, null])
      .command(["publish", 3, null, "one"], { streamId: 1 }).bytes,
    chunkAt({ ...on5, time: 66, type: 8, body: filler(20) }, 0, 128),
  ]);
  const wiring = new Wiring();
  wiring.fromClient(client);
  wiring.fromOrigin(publishAnswers([1, 2]));
  const sounds = readWire(wiring.toOrigin()).messages.filter(({ type }) => type === 8);
  assert.deepEqual(sounds.map(({ timestamp }) => timestamp), [42 + 92 + 66]);
});

for (const streamId of [1, 7]) {
  Deno.test(`a random publisher reaches an origin that calls its stream ${streamId}`, () => {
    forEachSeed(ROUNDS, (random) => {
      const { client, dropped } = publisher(random, ["one"]);
      const wiring = wiringOf(random, client, [publishAnswers([1, 2], streamId)]);
      const said = readWire(client).messages;
      const told = readWire(wiring.toOrigin()).messages;
      const expected = without(fromWish(said, "one", streamId), dropped[0]!, streamId);
      assert.deepEqual(without(fromWish(told, "one"), dropped[0]!, streamId), expected);
    });
  });

  Deno.test(`a random publisher switches to an origin that calls its stream ${streamId}`, () => {
    forEachSeed(ROUNDS, (random) => {
      const { client, dropped } = publisher(random, ["one", "two"]);
      const origins = [publishAnswers([1, 2]), publishAnswers([1, 2], streamId)];
      const wiring = wiringOf(random, client, origins);
      assert.equal(wiring.origins, 2);
      const said = readWire(client).messages;
      const told = [0, 1].map((index) => readWire(wiring.toOrigin(index)).messages);
      const expected = without(fromWish(said, "two", streamId), dropped[1]!, streamId);
      const second = fromWish(told[1]!, "two");
      assert.deepEqual(without(second, dropped[1]!, streamId), expected);
      const first = without(fromWish(said, "one"), dropped[0]!, streamId);
      assert.deepEqual(without(fromWish(told[0]!, "one"), dropped[0]!, streamId), first);
    });
  });
}

Deno.test("a random origin reaches its player, and the next one too", () => {
  const opening = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }])
    .command(["createStream", 2, null])
    .command(["play", 3, null, "one"], { streamId: 1 }).bytes;
  const next = new Script().command(["play", 4, null, "two"], { streamId: 1 }).bytes;
  let accepted = 0;
  forEachSeed(ROUNDS, (random) => {
    const [first, second] = [randomOrigin(random), randomOrigin(random)];
    // The first one is left at any point.
    const cutAt = first.length - random.below(3000);
    const wiring = wiringOf(random, opening, [first.subarray(0, cutAt)]);
    if (wiring.decision !== "accepted") return;
    accepted++;
    wiring.fromClient(next);
    for (const piece of pieces(random, second)) wiring.fromOrigin(piece);
    const told = readWire(wiring.toClient);
    assert.deepEqual([told.rest, told.unfinished], [0, []]);
    const starts = told.messages.flatMap((one, index) => isStart(one) ? [index] : []);
    assert.equal(starts.length, 2);
    const { messages } = readWire(second);
    const expected = messages.slice(messages.findIndex(isStart));
    const seen = told.messages.slice(starts[1]);
    const isNews = ({ type }: WireMessage) => type !== 1;
    assert.deepEqual(seen.filter(isNews).map(describe), expected.filter(isNews).map(describe));
  });
  assert.ok(accepted > ROUNDS / 2, `only ${accepted} players were accepted`);
});

function randomOrigin(random: SeededRandom): Uint8Array<ArrayBuffer> {
  const sender = new RandomSender(random);
  sender.command(["_result", 1, { fmsVer: "x" }, { code: "NetConnection.Connect.Success" }]);
  sender.command(["_result", 2, null, 1]);
  const start = answerStatus(new Script(), "NetStream.Play.Start");
  sender.command(parseStatus(start.bytes), 1);
  sender.chatter(150);
  sender.finish();
  return sender.bytes;
}

function parseStatus(bytes: Uint8Array): ["onStatus", number, null, { code: string }] {
  const { values } = parseCommand(readWire(bytes).messages[0]!);
  return ["onStatus", 0, null, values[1] as { code: string }];
}

Deno.test("the random senders cover what they should", () => {
  const formats = new Set<number>();
  const sizes = new Set<number>();
  forEachSeed(50, (random) => {
    const reading = readWire(publisher(random, ["one"]).client);
    assert.deepEqual([reading.rest, reading.unfinished], [0, []]);
    sizes.add(reading.chunkSize);
    for (const { type } of reading.messages) formats.add(type);
  });
  assert.ok(sizes.size > 4);
  assert.deepEqual([...formats].toSorted((one, other) => one - other), [1, 2, 3, 4, 8, 9, 18, 20]);
  assert.notDeepEqual(filler(20, 1), filler(20, 2));
});

/** A command cut off by a move ends in zeros and may be invalid. */
function isStart(message: WireMessage): boolean {
  if (message.type !== 20 || message.body.length === 0) return false;
  try {
    return parseCommand(message).name === "onStatus";
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
