import assert from "node:assert/strict";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { describe, filler, join, readWire } from "../../../tests/support/rtmp_wire.ts";
import { ChunkRelay } from "./chunk_relay.ts";
import { ChunkScanner } from "./chunk_scanner.ts";
import { StreamIds } from "./stream_ids.ts";

const CLIENT = 60_000;
const ORIGIN = 500;
const AUDIO = { chunkStream: 4, type: 8, streamId: 1 } as const;
const SHORT = { ...AUDIO, format: 0, body: filler(ORIGIN) } as const;
const LONG = { ...AUDIO, format: 1, time: 20, body: filler(ORIGIN + 1) } as const;

/** A relay to a client that assumes a chunk size other than the origin's. */
function relay(clientSize = CLIENT, ids = new StreamIds()): ChunkRelay {
  const scanner = new ChunkScanner();
  scanner.chunkSize = ORIGIN;
  return new ChunkRelay("to_client", scanner, ids, clientSize);
}

/** What a client with that chunk size receives when the bytes arrive in two pieces. */
function told(relay: ChunkRelay, bytes: Uint8Array, cutAt: number) {
  const { receiverChunkSize } = relay;
  const pieces: Uint8Array[] = [new Script().control(1, receiverChunkSize).bytes];
  for (const piece of [bytes.subarray(0, cutAt), bytes.subarray(cutAt)]) {
    relay.push(piece);
    pieces.push(...relay.takePieces().map((one) => one.slice()));
  }
  const reading = readWire(join(pieces));
  assert.deepEqual([reading.rest, reading.unfinished], [0, []]);
  return { ...reading, messages: reading.messages.slice(1) };
}

function said(script: (script: Script) => Script): Uint8Array<ArrayBuffer> {
  const head = new Script().control(1, ORIGIN);
  const { length } = head.bytes;
  return script(head).bytes.slice(length);
}

Deno.test("a client keeps its chunk size while every message fits one chunk of either size", () => {
  const bytes = said((script) => script.message(SHORT).message({ ...SHORT, format: 3 }));
  for (let cutAt = 0; cutAt <= bytes.length; cutAt++) {
    const client = relay();
    assert.deepEqual(told(client, bytes, cutAt).messages.map(({ type }) => type), [8, 8]);
    assert.equal(client.receiverChunkSize, CLIENT);
    assert.equal(client.rewrittenBytes, 0);
  }
});

for (const clientSize of [CLIENT, 128, 4]) {
  const first = clientSize < ORIGIN ? SHORT : LONG;
  Deno.test(`a client that assumes ${clientSize} is told the chunk size before the first message that needs it`, () => {
    const bytes = said((script) =>
      script.message({ ...SHORT, body: filler(4) }).message({ ...first, format: 1, time: 9 })
        .message({ ...LONG, time: 30 })
    );
    const expected = readWire(join([new Script().control(1, ORIGIN).bytes, bytes])).messages.slice(
      1,
    );
    for (let cutAt = 0; cutAt <= bytes.length; cutAt++) {
      const client = relay(clientSize);
      const { messages } = told(client, bytes, cutAt);
      assert.deepEqual(messages.map(({ type }) => type), [8, 1, 8, 8]);
      assert.deepEqual(
        messages.filter(({ type }) => type !== 1).map(describe),
        expected.map(describe),
      );
      assert.equal(client.receiverChunkSize, ORIGIN);
      assert.equal(client.rewrittenBytes, 0);
    }
  });
}

Deno.test("the origin's own Set Chunk Size is enough for a client", () => {
  const bytes = said((script) =>
    script.control(1, 9000).message({ ...SHORT, body: filler(20_000) })
  );
  const client = relay();
  assert.deepEqual(told(client, bytes, 5).messages.map(({ type }) => type), [1, 8]);
  assert.equal(client.receiverChunkSize, 9000);
});

Deno.test("a control message after the proxy's own does not depend on a header that the client lacks", () => {
  const control = (format: 0 | 3, event: number) => ({
    ...{ chunkStream: 2, format, type: 4, streamId: 0 },
    body: Uint8Array.from([0, event, 0, 0, 0, 1]),
  });
  const bytes = said((script) =>
    script.message(control(0, 0)).message({ ...LONG, format: 0 }).message(control(3, 1))
  );
  const { messages } = told(relay(), bytes, bytes.length);
  assert.deepEqual(messages.map(({ type }) => type), [4, 1, 8, 4]);
  assert.deepEqual([...messages[3]!.body], [0, 1, 0, 0, 0, 1]);
});

Deno.test("a message put back is split by the client's chunk size", () => {
  const ids = new StreamIds();
  ids.map(1, 7);
  const begin = { chunkStream: 2, format: 0, type: 4, streamId: 0 } as const;
  const body = Uint8Array.from([0, 0, 0, 0, 0, 7, ...new Uint8Array(ORIGIN)]);
  const bytes = said((script) => script.message({ ...begin, body }));
  const { messages } = told(relay(CLIENT, ids), bytes, 20);
  assert.deepEqual([...messages.at(-1)!.body.slice(0, 6)], [0, 0, 0, 0, 0, 1]);
});

Deno.test("media is passed on untouched", () => {
  const relay = new ChunkRelay("to_client", new ChunkScanner(), new StreamIds());
  const wire = new Script().message({ chunkStream: 6, format: 0, body: filler(500) }).bytes;
  for (const [from, to] of [[0, 20], [20, 200], [200, wire.length]] as const) {
    assert.equal(relay.push(wire, from, to), to);
    assert.equal(relay.untouched, to);
  }
});
