import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { BROKEN_CASES, CHUNK_CASES } from "../../../tests/support/cases/rtmp_cases.ts";
import { type Recording, RECORDINGS } from "../../../tests/support/rtmp_recordings.ts";
import { answerConnect, answerStatus, Script } from "../../../tests/support/rtmp_script.ts";
import { Wiring } from "../../../tests/support/rtmp_wiring.ts";
import {
  describe,
  filler,
  join,
  readWire,
  type WireMessage,
} from "../../../tests/support/rtmp_wire.ts";
import { ChunkRelay } from "./chunk_relay.ts";
import { ChunkScanner } from "./chunk_scanner.ts";
import { parseCommand } from "./command.ts";
import { MessageType, UserControl, userControl } from "./message.ts";
import { StreamIds } from "./stream_ids.ts";

const SET_CHUNK_SIZE = 1;
const ACKNOWLEDGEMENT = 3;
const AUDIO = { type: 8, streamId: 1 };
const VIDEO = { type: 9, streamId: 1 };

function nameOf(message: WireMessage): string {
  const isCommand = message.type === 20 && message.body.length > 0;
  return isCommand ? parseCommand(message).name : "";
}

/** The messages after the last one that matches, without the proxy's own Acknowledgements. */
function behind(messages: readonly WireMessage[], isLast: (message: WireMessage) => boolean) {
  const at = messages.findIndex(isLast);
  assert.ok(at >= 0);
  return messages.slice(at).filter(({ type }) => type !== ACKNOWLEDGEMENT);
}

function isWish(message: WireMessage): boolean {
  return ["publish", "play"].includes(nameOf(message));
}

function isDecision(message: WireMessage): boolean {
  return nameOf(message) === "onStatus" &&
    ["NetStream.Publish.Start", "NetStream.Play.Start"].some((code) =>
      new TextDecoder().decode(message.body).includes(code)
    );
}

/** Excludes the chunk size that the proxy tells the client after the decision. */
function isNoSize({ type }: WireMessage): boolean {
  return type !== SET_CHUNK_SIZE;
}

function run(clientPieces: readonly Uint8Array[], originPieces: readonly Uint8Array[]): Wiring {
  const wiring = new Wiring();
  for (const piece of clientPieces) wiring.fromClient(piece);
  for (const piece of originPieces) wiring.fromOrigin(piece);
  return wiring;
}

/** Checks that what was passed on after the wish and the decision is what was sent there. */
function assertSame(wiring: Wiring, { client, origin }: Pick<Recording, "client" | "origin">) {
  const told = readWire(wiring.toOrigin());
  const said = readWire(client);
  assert.deepEqual(
    behind(told.messages, isWish).map(describe),
    behind(said.messages, isWish).map(describe),
  );
  const answered = readWire(wiring.toClient);
  assert.deepEqual(
    behind(answered.messages, isDecision).filter(isNoSize).map(describe),
    behind(readWire(origin).messages, isDecision).filter(isNoSize).map(describe),
  );
}

function halves(bytes: Uint8Array, at: number): Uint8Array[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

function passThrough(pieces: readonly Uint8Array[]): { out: Uint8Array; rewritten: number } {
  const relay = new ChunkRelay("to_origin", new ChunkScanner(), new StreamIds());
  const out: Uint8Array[] = [];
  for (const piece of pieces) {
    const [start, end] = [3, 3 + piece.length];
    const borrowed = join([filler(start), piece, filler(3)]);
    assert.equal(relay.push(borrowed, start, end), end);
    const { untouched } = relay;
    const taken = relay.takePieces().map((one) => one.slice());
    if (untouched >= 0) assert.deepEqual(join(taken), borrowed.slice(start, untouched));
    out.push(...taken);
    borrowed.fill(0xee);
  }
  return { out: join(out), rewritten: relay.rewrittenBytes };
}

for (const { name, wire } of CHUNK_CASES) {
  Deno.test(`ChunkRelay passes on ${name} byte for byte`, () => {
    assert.deepEqual(passThrough([wire]), { out: wire, rewritten: 0 });
    if (wire.length > 2000) return;
    for (let at = 1; at < wire.length; at++) {
      assert.deepEqual(passThrough(halves(wire, at)), { out: wire, rewritten: 0 });
    }
    assert.deepEqual(passThrough(bytewise(wire)), { out: wire, rewritten: 0 });
  });
}

for (const { name, wire, error } of BROKEN_CASES) {
  Deno.test(`ChunkRelay refuses ${name}`, () => {
    assert.throws(() => passThrough([wire]), (thrown) => {
      assert.ok(thrown instanceof ProtocolError);
      assert.match(thrown.message, error);
      return true;
    });
  });
}

for (const recording of RECORDINGS) {
  const { name, client, origin, interrupted = 0 } = recording;
  const commands = behind(readWire(client).messages, isWish).slice(1)
    .filter(({ type }) => type === 20)
    .reduce((sum, { body }) => sum + body.length, 0);

  Deno.test(`ChunkRelay carries ${name} and rewrites only its commands`, () => {
    const wiring = run([client], [origin]);
    assertSame(wiring, recording);
    assert.equal(wiring.decision, "accepted");
    assert.equal(wiring.up!.rewrittenBytes, commands + interrupted);
    assert.equal(wiring.down!.rewrittenBytes, 0);
  });

  Deno.test(`ChunkRelay carries ${name} however it is split`, () => {
    const whole = run([client], [origin]);
    const { toClient } = whole;
    const toOrigin = readWire(whole.toOrigin()).messages.filter(({ type }) => type !== 3)
      .map(describe);
    const check = (wiring: Wiring, where: string) => {
      assert.deepEqual(wiring.toClient, toClient, where);
      const told = readWire(wiring.toOrigin()).messages.filter(({ type }) => type !== 3);
      assert.deepEqual(told.map(describe), toOrigin, where);
    };
    for (const at of samplePoints(client)) {
      check(run(halves(client, at), [origin]), `client at ${at}`);
    }
    for (const at of samplePoints(origin)) {
      check(run([client], halves(origin, at)), `origin at ${at}`);
    }
    check(run(bytewise(client), bytewise(origin)), "byte by byte");
  });
}

/** Every point within the commands, and every seventh after that; the fuzz tests use all. */
function samplePoints(bytes: Uint8Array): number[] {
  return Array.from(bytes.keys()).filter((at) => at < 1000 || at % 7 === 0);
}

/** A client that publishes; `before` adds what it sends first. */
function publisher(before: (script: Script) => void = () => {}): Script {
  const script = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }]);
  before(script);
  return script
    .command(["createStream", 2, null])
    .command(["publish", 3, null, "cam", "live"], { chunkStream: 3, streamId: 1 });
}

function acceptance(streamId = 1): Script {
  const script = answerConnect(new Script()).command(["_result", 2, null, streamId]);
  return answerStatus(script, "NetStream.Publish.Start", { streamId });
}

/** Sends formats 1, 2 and 3 first on a chunk stream, then format 0 and the others again. */
function leaning(script: Script, chunkStream: number): Script {
  const body = (seed: number) => filler(200, seed);
  return script
    .message({ chunkStream, format: 1, time: 7, type: 8, body: body(1) })
    .message({ chunkStream, format: 3, body: body(2) })
    .message({ chunkStream, format: 2, time: 11, body: body(3) })
    .message({ chunkStream, format: 3, body: body(4) })
    .message({ chunkStream, format: 0, time: 500, ...VIDEO, body: body(5) })
    .message({ chunkStream, format: 3, body: body(6) })
    .message({ chunkStream, format: 1, time: 0x1000000, type: 8, body: body(7) })
    .message({ chunkStream, format: 3, time: 0x1000000, body: body(8) })
    .message({ chunkStream, format: 2, time: 3, body: body(9) })
    .message({ chunkStream, format: 3, body: body(10) });
}

/** Runs a publisher split at several points and checks that its origin understands it. */
function assertCarried(client: Uint8Array, origin = acceptance().bytes): Wiring {
  const wiring = run([client], [origin]);
  assertSame(wiring, { client: client.slice(), origin: origin.slice() });
  for (let at = 0; at < client.length; at++) {
    const split = run(halves(client, at), [origin]);
    assert.deepEqual(split.toOrigin(), wiring.toOrigin(), `split at ${at}`);
  }
  assert.deepEqual(run(bytewise(client), bytewise(origin)).toClient, wiring.toClient);
  return wiring;
}

Deno.test("ChunkRelay rewrites headers that depend on a swallowed Acknowledgement", () => {
  const script = publisher((before) => before.control(3, 3073, { chunkStream: 4, time: 40 }));
  const wiring = assertCarried(leaning(script, 4).bytes);
  // After format 2, which brings the delta, nothing depends on what the origin lacks.
  assert.equal(wiring.up!.rewrittenBytes, 2 * 200);
});

Deno.test("ChunkRelay rewrites headers that depend on media the proxy has dropped", () => {
  const script = publisher((before) =>
    before.message({ chunkStream: 4, format: 0, time: 9, ...VIDEO, body: filler(300) })
  );
  assertCarried(leaning(script, 4).bytes);
});

Deno.test("ChunkRelay rewrites headers that depend on a ping, an Abort or a Set Chunk Size", () => {
  const script = publisher((before) =>
    before.userControl(6, 1).control(2, 77, { format: 1 }).control(1, 256, { format: 1 })
  );
  assertCarried(leaning(script, 2).bytes);
});

Deno.test("ChunkRelay rewrites headers that depend on a deleteStream before publish", () => {
  const script = publisher((before) => before.command(["deleteStream", 9, null, 7]));
  assertCarried(leaning(script, 3).bytes);
});

Deno.test("ChunkRelay rewrites headers that depend on a message sent out of order", () => {
  const client = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }])
    .command(["createStream", 2, null])
    .command(["receiveAudio", 3, null, true], { chunkStream: 4, streamId: 1, time: 50 })
    .command(["createStream", 4, null], { chunkStream: 4, time: 7 })
    .command(["publish", 5, null, "cam"], { chunkStream: 8, streamId: 2 });
  leaning(client, 4);
  const origin = answerConnect(new Script())
    .command(["_result", 2, null, 1])
    .command(["_result", 3, null, null])
    .command(["_result", 4, null, 2]);
  assertCarried(client.bytes, answerStatus(origin, "NetStream.Publish.Start").bytes);
});

Deno.test("ChunkRelay drops the rest of a frame that began before publish", () => {
  const picture = { chunkStream: 6, format: 0, ...VIDEO, body: filler(300, 1) } as const;
  const client = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }])
    .command(["createStream", 2, null])
    .mixed(picture, {
      chunkStream: 3,
      format: 0,
      type: 20,
      streamId: 1,
      body: new Script().command(["publish", 3, null, "cam"]).bytes.slice(12),
    })
    .message({ chunkStream: 6, format: 1, time: 20, type: 9, body: filler(300, 2) }).bytes;
  const wiring = run([client], [acceptance().bytes]);
  const told = behind(readWire(wiring.toOrigin()).messages, isWish).slice(1);
  assert.deepEqual(told.map(describe), [
    describe({ chunkStream: 6, timestamp: 20, ...VIDEO, body: filler(300, 2) }),
  ]);
});

Deno.test("ChunkRelay inspects a command that began before publish and ended after it", () => {
  const body = (...values: readonly (string | number | null)[]) =>
    new Script().command(values, { chunkSize: 9999 }).bytes.slice(12);
  const second = body("publish", 4, null, `other?${"x".repeat(200)}`);
  const client = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }])
    .command(["createStream", 2, null])
    .mixed(
      { chunkStream: 5, format: 0, type: 20, streamId: 1, body: second },
      { chunkStream: 3, format: 0, type: 20, streamId: 1, body: body("publish", 3, null, "cam") },
    ).bytes;
  const wiring = run([client], [acceptance().bytes]);
  assert.equal(wiring.origins, 2, "the second publish went to the origin of the first");
});

Deno.test("ChunkRelay continues a message whose chunk size changed before publish", () => {
  const note = { chunkStream: 7, format: 0, type: 18, streamId: 1, body: filler(700) } as const;
  const client = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }])
    .command(["createStream", 2, null])
    .message({ ...note, body: note.body.subarray(0, 0) });
  const chunks = new Script().message(note).bytes;
  client.raw(chunks.subarray(0, 12 + 128)).control(1, 300)
    .command(["publish", 3, null, "cam"], { streamId: 1 })
    .raw(Uint8Array.from([0xc7])).raw(note.body.subarray(128, 428))
    .raw(Uint8Array.from([0xc7])).raw(note.body.subarray(428));
  assertCarried(client.bytes);
});

Deno.test("ChunkRelay keeps extended timestamps of a message that began before publish", () => {
  const plan = { chunkStream: 7, type: 18, body: filler(300, 1) } as const;
  const client = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://192.0.2.1/live" }])
    .command(["createStream", 2, null])
    .message({ ...plan, format: 0, streamId: 1, time: 0xfffff0, body: filler(10, 2) });
  const [first, ...rest] = splitChunks({ ...plan, format: 1, time: 100 });
  client.raw(first!).command(["publish", 3, null, "cam"], { streamId: 1 });
  for (const chunk of rest) client.raw(chunk);
  client.message({ ...plan, format: 2, time: 5, body: filler(300, 3) });
  assertCarried(client.bytes);
});

function splitChunks(plan: Parameters<Script["message"]>[0]): Uint8Array[] {
  const { bytes } = new Script().message(plan);
  const header = bytes.length - plan.body.length - Math.ceil(plan.body.length / 128) + 1;
  const chunks = [bytes.subarray(0, header + 128)];
  for (let at = header + 128; at < bytes.length; at += 129) {
    chunks.push(bytes.subarray(at, at + 129));
  }
  return chunks;
}

Deno.test("ChunkRelay passes extended timestamps that continuations leave out", () => {
  const client = publisher();
  for (let index = 0; index < 5; index++) {
    client.message({
      chunkStream: 6,
      format: 0,
      time: 0x2000000 + index,
      ...VIDEO,
      body: filler(257 + index, index + 1),
      omitsExtended: true,
    });
  }
  const { bytes } = client;
  const wiring = run([bytes], [acceptance().bytes]);
  const told = readWire(wiring.toOrigin(), true);
  assert.deepEqual(
    behind(told.messages, isWish).map(describe),
    behind(readWire(bytes, true).messages, isWish).map(describe),
  );
  assert.deepEqual(run(bytewise(bytes), [acceptance().bytes]).toOrigin(), wiring.toOrigin());
});

Deno.test("ChunkRelay inserts a message only between messages", () => {
  const relay = new ChunkRelay("to_origin", new ChunkScanner(), new StreamIds());
  const { bytes } = leaning(
    new Script()
      .message({ chunkStream: 2, format: 0, time: 3, ...AUDIO, body: filler(200) })
      .mixed(
        { chunkStream: 2, format: 1, time: 4, type: 8, body: filler(300, 2) },
        { chunkStream: 4, format: 0, ...VIDEO, body: filler(300, 3) },
      ),
    2,
  );
  const out: Uint8Array[] = [];
  const ping = userControl(UserControl.pingRequest, 7);
  for (const piece of bytewise(bytes)) {
    relay.push(piece.slice());
    out.push(...relay.takePieces().map((one) => one.slice()));
    const inserted = relay.insert(ping);
    if (inserted !== undefined) out.push(inserted);
  }
  const told = readWire(join(out)).messages;
  assert.ok(told.length > 20);
  assert.deepEqual(
    told.filter(({ type }) => type !== MessageType.userControl).map(describe),
    readWire(bytes).messages.map(describe),
  );
});

Deno.test("ChunkRelay refuses a command that is too long, and too many at a time", () => {
  const relay = () => new ChunkRelay("to_origin", new ChunkScanner(), new StreamIds());
  const begun = (chunkStream: number, length: number) =>
    new Script().message({ chunkStream, format: 0, type: 20, streamId: 1, body: filler(length) })
      .bytes.subarray(0, 13);
  const held = (length: number) => {
    const bytes = begun(3, 128).slice(0, 12);
    bytes.set([length >> 16, (length >> 8) & 255, length & 255], 4);
    return bytes;
  };
  assert.throws(() => relay().push(held(65537)), ProtocolError);
  const several = relay();
  several.push(new Script().control(1, 65_000).bytes);
  const open = (chunkStream: number, bytes: number) => {
    const header = held(65536);
    header[0] = chunkStream;
    several.push(join([header, filler(bytes)]));
  };
  for (let id = 3; id < 7; id++) open(id, 65_000);
  assert.throws(() => open(7, 65_000), ProtocolError);
});

Deno.test("ChunkRelay passes on an empty command", () => {
  const client = publisher()
    .message({ chunkStream: 3, format: 0, type: 20, streamId: 1, body: filler(0) })
    .message({ chunkStream: 4, format: 0, ...AUDIO, body: filler(9) });
  assertCarried(client.bytes);
});
