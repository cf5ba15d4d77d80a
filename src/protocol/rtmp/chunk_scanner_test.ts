import assert from "node:assert/strict";
import { ByteWriter } from "../../core/byte_writer.ts";
import { ProtocolError } from "../../core/errors.ts";
import { Allowance } from "../../core/memory.ts";
import {
  BROKEN_CASES,
  CHUNK_CASES,
  type ChunkCase,
} from "../../../tests/support/cases/rtmp_cases.ts";
import { describe, readWire, type WireMessage } from "../../../tests/support/rtmp_wire.ts";
import { ChunkScanner, type ChunkStream, type ChunkVisitor, STREAM_COST } from "./chunk_scanner.ts";
import { writeMessage } from "./message.ts";
import { messageOf } from "./message_assembler.ts";

/** Collects what the scanner reports, and checks that it keeps its contract. */
class Collector implements ChunkVisitor {
  readonly messages: WireMessage[] = [];
  readonly #parts = new Map<number, number[]>();

  onHeader(stream: ChunkStream, _format: number, first: boolean): void {
    assert.equal(first, !this.#parts.has(stream.id) || stream.received === 0);
    if (first) this.#parts.set(stream.id, []);
  }

  onPayload(stream: ChunkStream, data: Uint8Array, start: number, end: number): void {
    assert.ok(end > start && end <= data.length);
    this.#parts.get(stream.id)!.push(...data.subarray(start, end));
    assert.equal(stream.received, this.#parts.get(stream.id)!.length);
  }

  onChunkEnd(stream: ChunkStream, last: boolean): boolean {
    if (!last) return false;
    const body = Uint8Array.from(this.#parts.get(stream.id)!);
    this.messages.push(messageOf(stream, body));
    this.#parts.delete(stream.id);
    return false;
  }
}

function scan(pieces: readonly Uint8Array[]): string[] {
  const scanner = new ChunkScanner();
  const collector = new Collector();
  for (const piece of pieces) {
    assert.equal(scanner.push(piece, 0, collector), piece.length);
  }
  return collector.messages.map(describe);
}

function splitAt(wire: Uint8Array, at: number): Uint8Array[] {
  return [wire.subarray(0, at), wire.subarray(at)];
}

function bytewise(wire: Uint8Array): Uint8Array[] {
  return Array.from(wire, (_, at) => wire.subarray(at, at + 1));
}

/** Long cases are split only near their start and end. */
function splitPoints({ wire }: ChunkCase): number[] {
  const all = Array.from(wire.keys());
  return wire.length < 2000 ? all : [...all.slice(0, 200), ...all.slice(-200)];
}

for (const one of CHUNK_CASES) {
  const expected = one.messages.map(describe);

  Deno.test(`ChunkScanner reads ${one.name}`, () => {
    assert.deepEqual(scan([one.wire]), expected);
  });

  Deno.test(`ChunkScanner reads ${one.name}, however it is split`, () => {
    for (const at of splitPoints(one)) {
      assert.deepEqual(scan(splitAt(one.wire, at)), expected, `split at ${at}`);
    }
    assert.deepEqual(scan(bytewise(one.wire)), expected, "byte by byte");
  });

  Deno.test(`The tests' own reader agrees on ${one.name}`, () => {
    const reading = readWire(one.wire, one.omitsExtended);
    assert.deepEqual(reading.messages.map(describe), expected);
    assert.equal(reading.rest, 0);
  });

  if (one.writtenWith === undefined) continue;
  const chunkSize = one.writtenWith;
  Deno.test(`writeMessage writes ${one.name}`, () => {
    const out = new ByteWriter();
    for (const message of one.messages) writeMessage(out, message, chunkSize);
    assert.deepEqual(out.finish(), one.wire);
  });
}

for (const { name, wire, error } of BROKEN_CASES) {
  Deno.test(`ChunkScanner refuses ${name}`, () => {
    for (const pieces of [[wire], wire.length < 2000 ? bytewise(wire) : [wire]]) {
      assert.throws(() => scan(pieces), (thrown) => {
        assert.ok(thrown instanceof ProtocolError);
        assert.match(thrown.message, error);
        return true;
      });
    }
  });
}

Deno.test("ChunkScanner stops where its visitor says so and continues after it", () => {
  const wire = CHUNK_CASES.find(({ name }) => name.startsWith("formats 0"))!.wire;
  const scanner = new ChunkScanner();
  const ends: number[] = [];
  const visitor: ChunkVisitor = {
    onHeader: () => {},
    onPayload: () => {},
    onChunkEnd: (_stream, last) => last,
  };
  for (let at = 0; at < wire.length; at = ends.at(-1)!) {
    ends.push(scanner.push(wire, at, visitor));
  }
  assert.deepEqual(ends, [15, 25, 31, 34]);
});

Deno.test("ChunkScanner keeps no payload", () => {
  const scanner = new ChunkScanner(new Allowance(4 * STREAM_COST, "Cannot open more"));
  const visitor: ChunkVisitor = {
    onHeader: () => {},
    onPayload: () => {},
    onChunkEnd: () => false,
  };
  for (let id = 3; id < 7; id++) {
    const header = [id, 0, 0, 0, 0xff, 0xff, 0xfe, 9, 1, 0, 0, 0];
    scanner.push(Uint8Array.from([...header, ...new Array(128).fill(1)]), 0, visitor);
  }
  assert.equal([...scanner.streams()].length, 4);
  assert.equal(scanner.headerLength, 0);
  assert.throws(
    () => scanner.push(Uint8Array.from([9, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, 1]), 0, visitor),
    ProtocolError,
  );
});

Deno.test("ChunkScanner recognizes an omitted extended timestamp by what the sender did before", () => {
  // The last chunk's only byte equals the first byte of the timestamp, which is not enough to tell.
  const timestamp = 0x11020304;
  const header = [4, 0xff, 0xff, 0xff, 0, 0, 0, 9, 1, 0, 0, 0, 0x11, 2, 3, 4];
  const message = (length: number): number[] => {
    const bytes = [...header];
    bytes[5] = length >> 8;
    bytes[6] = length & 255;
    for (let at = 0; at < length; at++) {
      if (at > 0 && at % 128 === 0) bytes.push(0xc4);
      bytes.push(0x11);
    }
    return bytes;
  };
  const wire = Uint8Array.from([...message(256), ...message(129), ...message(1)]);
  const expected = [256, 129, 1].map((length) =>
    describe({
      chunkStream: 4,
      timestamp,
      type: 9,
      streamId: 1,
      body: new Uint8Array(length).fill(0x11),
    })
  );
  assert.deepEqual(scan([wire]), expected);
  assert.deepEqual(scan(bytewise(wire)), expected);
});
