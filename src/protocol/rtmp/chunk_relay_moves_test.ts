import assert from "node:assert/strict";
import {
  frames,
  fullPlayAnswers,
  publishAnswers,
  recording,
} from "../../../tests/support/rtmp_recordings.ts";
import {
  answerConnect,
  answerStatus,
  Script,
  withStreamId,
} from "../../../tests/support/rtmp_script.ts";
import { Wiring } from "../../../tests/support/rtmp_wiring.ts";
import { describe, filler, readWire, type WireMessage } from "../../../tests/support/rtmp_wire.ts";
import { parseCommand } from "./command.ts";

const VIDEO = { type: 9, streamId: 1 };
function isCommand(message: WireMessage, ...names: readonly string[]): boolean {
  return message.type === 20 && names.includes(parseCommand(message).name);
}

/** The messages after the wish or, if they include the decision, after that. */
function fromFirst(
  bytes: Uint8Array,
  isFirst: (message: WireMessage) => boolean,
): readonly WireMessage[] {
  const { messages } = readWire(bytes);
  const at = messages.findIndex(isFirst);
  assert.ok(at >= 0);
  return messages.slice(at).filter(({ type }) => type !== 1 && type !== 3);
}

function isWish(message: WireMessage): boolean {
  return isCommand(message, "publish", "play");
}

function isStatus(message: WireMessage): boolean {
  return isCommand(message, "onStatus");
}

function run(clientPieces: readonly Uint8Array[], ...origins: readonly (readonly Uint8Array[])[]) {
  const wiring = new Wiring();
  for (const piece of clientPieces) wiring.fromClient(piece);
  for (const pieces of origins) for (const piece of pieces) wiring.fromOrigin(piece);
  return wiring;
}

function halves(bytes: Uint8Array, at: number): Uint8Array[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

const OTHER_IDS = [
  { name: "fmle", client: recording("fmle").client, origin: publishAnswers([1, 2, 3, 4], 5) },
  {
    name: "librtmp_pipelined",
    client: recording("librtmp_pipelined").client,
    origin: publishAnswers([1, 2, 3, 4], 0x01020304),
    id: 0x01020304,
  },
  { name: "full_play", client: recording("full_play").client, origin: fullPlayAnswers(5) },
];

for (const { name, client, origin, id = 5 } of OTHER_IDS) {
  Deno.test(`ChunkRelay translates the stream ids of ${name}`, () => {
    const wiring = run([client], [origin]);
    const said = fromFirst(client, isWish).map((one) => describe(withStreamId(one, 1, id)));
    assert.deepEqual(fromFirst(wiring.toOrigin(), isWish).map(describe), said);
    const answered = fromFirst(origin, isStatus).map((one) => describe(withStreamId(one, id, 1)));
    assert.deepEqual(fromFirst(wiring.toClient, isStatus).map(describe), answered);
  });

  Deno.test(`ChunkRelay translates the stream ids of ${name} however it is split`, () => {
    const whole = run([client], [origin]);
    const same = (wiring: Wiring, where: string) => {
      assert.deepEqual(wiring.toClient, whole.toClient, where);
      assert.deepEqual(wiring.toOrigin(), whole.toOrigin(), where);
    };
    for (let at = 0; at < client.length; at += 3) {
      same(run(halves(client, at), [origin]), `client at ${at}`);
    }
    const ofOrigin = (pieces: readonly Uint8Array[]) => run([client], pieces).toClient;
    for (let at = 0; at < origin.length; at += 3) {
      assert.deepEqual(ofOrigin(halves(origin, at)), whole.toClient, `origin at ${at}`);
    }
    assert.deepEqual(ofOrigin(bytewise(origin)), whole.toClient);
  });
}

/** A client that has created three streams and uses the last one. */
function threeStreams(): Uint8Array<ArrayBuffer> {
  return frames(
    new Script()
      .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }])
      .command(["createStream", 2, null])
      .command(["createStream", 3, null])
      .command(["createStream", 4, null])
      .command(["publish", 5, null, "cam"], { streamId: 3 }),
    4,
    3,
  ).bytes;
}

for (const ids of [[1, 1, 1], [1, 2, 3], [7, 8, 9], [3, 2, 1]] as const) {
  Deno.test(`ChunkRelay uses the last of three streams, which the origin calls ${ids}`, () => {
    const client = threeStreams();
    const origin = answerConnect(new Script());
    ids.forEach((id, index) => origin.command(["_result", index + 2, null, id]));
    const streamId = ids[2];
    answerStatus(origin, "NetStream.Publish.Start", { streamId }).userControl(0, streamId);
    const wiring = run([client], [origin.bytes]);
    const told = fromFirst(wiring.toOrigin(), isWish);
    assert.deepEqual(
      told.map(describe),
      fromFirst(client, isWish).map((one) => describe(withStreamId(one, 3, streamId))),
    );
    const [status, begin] = fromFirst(wiring.toClient, isStatus);
    assert.equal(status!.streamId, 3);
    assert.deepEqual([...begin!.body], [0, 0, 0, 0, 0, 3]);
  });
}

function connected(): Script {
  return new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live", capsEx: 3 }])
    .command(["createStream", 2, null]);
}

/**
 * Publishes one stream and then another in the middle of a frame; headers of formats 1 to 3 follow.
 */
function movingPublisher(): Script {
  const script = frames(
    connected().command(["publish", 3, null, "one"], { chunkStream: 3, streamId: 1 }),
    4,
  );
  const body = new Script().command(["publish", 4, null, "two", "record"]).bytes.slice(12);
  script.mixed(
    { chunkStream: 6, format: 0, time: 100, ...VIDEO, body: filler(400, 1) },
    { chunkStream: 3, format: 0, type: 20, streamId: 1, body },
  );
  const rest = { chunkStream: 4, body: filler(150, 2) };
  return script
    .message({ ...rest, format: 3, body: filler(300, 5) })
    .message({ ...rest, format: 1, time: 9, type: 8 })
    .message({ ...rest, format: 3 })
    .message({ chunkStream: 6, format: 2, time: 40, body: filler(400, 3) })
    .message({ chunkStream: 6, format: 3, body: filler(400, 4) });
}

for (const secondId of [1, 6]) {
  Deno.test(`ChunkRelay switches to an origin that gives the id ${secondId}`, () => {
    const client = movingPublisher().bytes;
    const first = publishAnswers([1, 2]);
    const second = publishAnswers([1, 2], secondId);
    const wiring = run([client], [first], [second]);
    assert.equal(wiring.origins, 2);
    assert.equal(readWire(wiring.toOrigin(0)).rest, 0);
    // The frame being sent reaches nobody; all others reach one origin.
    const { messages } = readWire(client);
    const picture = describe({ chunkStream: 6, timestamp: 100, ...VIDEO, body: filler(400, 1) });
    const last = messages.findLastIndex(isWish);
    const firstOnes = messages.slice(messages.findIndex(isWish), last).map(describe);
    assert.deepEqual(fromFirst(wiring.toOrigin(0), isWish).map(describe), firstOnes);
    const secondOnes = messages.slice(last).filter((one) => describe(one) !== picture);
    assert.deepEqual(
      fromFirst(wiring.toOrigin(1), isWish).map(describe),
      secondOnes.map((one) => describe(withStreamId(one, 1, secondId))),
    );
    const connect = readWire(wiring.toOrigin(1)).messages[0]!;
    assert.deepEqual(connect.body, messages[0]!.body);
  });
}

Deno.test("ChunkRelay switches to another origin however the bytes are split", () => {
  const client = movingPublisher().bytes;
  const first = publishAnswers([1, 2]);
  const second = publishAnswers([1, 2], 6);
  const whole = run([client], [first], [second]);
  for (let at = 0; at < client.length; at++) {
    const wiring = run(halves(client, at), [first], [second]);
    assert.deepEqual(wiring.toOrigin(0), whole.toOrigin(0), `split at ${at}`);
    assert.deepEqual(wiring.toOrigin(1), whole.toOrigin(1), `split at ${at}`);
  }
});

Deno.test("ChunkRelay switches origins when something came before connect", () => {
  const early = new Script().control(5, 2500000).raw(movingPublisher().bytes).bytes;
  const wiring = run([early], [publishAnswers([1, 2])], [publishAnswers([1, 2], 6)]);
  const [connect, create] = readWire(wiring.toOrigin(1)).messages;
  assert.ok(isCommand(connect!, "connect"));
  assert.ok(isCommand(create!, "createStream"));
});

/** Plays one stream and then another. */
const MOVING_PLAYER = connected()
  .command(["play", 3, null, "one"], { chunkStream: 8, streamId: 1 });

function playAnswers(chunkSize: number): Script {
  const script = answerConnect(new Script()).command(["_result", 2, null, 1]);
  if (chunkSize !== 128) script.control(1, chunkSize);
  return answerStatus(script, "NetStream.Play.Start");
}

/** An origin whose first message on a chunk stream depends on a header that was never sent. */
function leaningOrigin(chunkSize: number): Uint8Array<ArrayBuffer> {
  return playAnswers(chunkSize)
    .message({ chunkStream: 4, format: 1, time: 5, type: 8, body: filler(300, 1) })
    .message({ chunkStream: 4, format: 3, body: filler(300, 2) })
    .message({ chunkStream: 6, format: 0, time: 50, ...VIDEO, body: filler(700, 3) })
    .message({ chunkStream: 6, format: 1, time: 5, type: 9, body: filler(30, 4) })
    .bytes;
}

for (const chunkSize of [1, 128, 4096]) {
  Deno.test(`ChunkRelay leaves the client at a message boundary, in chunks of ${chunkSize}`, () => {
    const first = frames(playAnswers(chunkSize), 4)
      .mixed(
        { chunkStream: 6, format: 0, ...VIDEO, body: filler(5000, 1) },
        { chunkStream: 4, format: 1, time: 1, type: 8, body: filler(5000, 2) },
      ).bytes;
    const second = leaningOrigin(60000);
    const switching = new Script()
      .command(["play", 4, null, "two"], { chunkStream: 8, streamId: 1 }).bytes;
    const expected = fromFirst(second, isStatus).map(describe);
    for (let at = first.length - 6000; at < first.length; at += chunkSize === 1 ? 131 : 17) {
      const wiring = run([MOVING_PLAYER.bytes], [first.subarray(0, at)]);
      wiring.fromClient(switching);
      wiring.fromOrigin(second);
      const reading = readWire(wiring.toClient);
      assert.deepEqual([reading.rest, reading.unfinished], [0, []], `cut at ${at}`);
      const statuses = reading.messages.flatMap((one, index) => isStatus(one) ? [index] : []);
      assert.equal(statuses.length, 2);
      const told = reading.messages.slice(statuses[1]).filter(({ type }) => type !== 1);
      assert.deepEqual(told.map(describe), expected, `cut at ${at}`);
    }
  });
}
