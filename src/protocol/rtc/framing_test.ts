import assert from "node:assert/strict";
import { corpusOf } from "../../../tests/support/corpus.ts";
import { join } from "../../../tests/support/rtmp_wire.ts";
import { FrameReader, writeFrame } from "./framing.ts";

const LONGEST = 2_048;

/** Reads all datagrams of a stream that arrives in pieces of these sizes, repeated in turn. */
function read(stream: Uint8Array, sizes: readonly number[], capacity = 4_096) {
  const reader = new FrameReader({ longest: LONGEST, capacity });
  const datagrams: number[][] = [];
  let turn = 0;
  for (let at = 0; at < stream.length; turn++) {
    const { space } = reader;
    assert.ok(space.length > 0, "there is always room for more");
    const piece = stream.subarray(at, at + Math.min(sizes[turn % sizes.length]!, space.length));
    space.set(piece);
    reader.received(piece.length);
    at += piece.length;
    for (let next; (next = reader.next()) !== undefined;) datagrams.push([...next]);
  }
  return { datagrams, empty: reader.empty, tooLong: reader.tooLong };
}

function frame(length: number, fill = length & 255): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(length + 2);
  assert.equal(writeFrame(framed, new Uint8Array(length).fill(fill), length), length + 2);
  return framed;
}

Deno.test("datagrams are read back unchanged, however the stream is split", () => {
  const lengths = [1, 20, 1_200, 0, LONGEST, 3, LONGEST + 1, 7, 65_535, 1];
  const stream = join(lengths.map((length) => frame(length)));
  const whole = {
    datagrams: lengths.filter((length) => length > 0 && length <= LONGEST)
      .map((length) => new Array<number>(length).fill(length & 255)),
    empty: 1,
    tooLong: 2,
  };
  for (const sizes of [[1], [2], [3], [1, 2_050], [2_049], [4_096], [1_000_000], [5, 1, 700]]) {
    assert.deepEqual(read(stream, sizes), whole, `pieces of ${sizes}`);
  }
  assert.deepEqual(read(stream, [999], LONGEST + 2), whole, "with the least memory");
});

Deno.test("a truncated stream yields exactly its complete datagrams", () => {
  const stream = join([frame(5), frame(0), frame(2), frame(65_535, 9), frame(1)]);
  const [first, second, last] = [5, 2, 1].map((length) => new Array<number>(length).fill(length));
  for (const end of [...Array(40).keys(), 65_540, 65_550, 65_551, stream.length]) {
    const { datagrams } = read(stream.subarray(0, end), [3]);
    const wanted = [
      ...end >= 7 ? [first] : [],
      ...end >= 13 ? [second] : [],
      ...end >= stream.length ? [last] : [],
    ];
    assert.deepEqual(datagrams, wanted, `the first ${end} bytes`);
  }
});

Deno.test("only the given length of a datagram is written", () => {
  const into = new Uint8Array(8);
  assert.equal(writeFrame(into, Uint8Array.of(1, 2, 3, 4), 3), 5);
  assert.deepEqual([...into], [0, 3, 1, 2, 3, 0, 0, 0]);
  const largest = new Uint8Array(65_537);
  assert.equal(writeFrame(largest, new Uint8Array(65_535), 65_535), 65_537);
  assert.deepEqual([...largest.subarray(0, 2)], [255, 255]);
});

Deno.test("the corpus: any split gives the same datagrams", () => {
  for (const { name, bytes } of corpusOf("ice_tcp")) {
    assert.deepEqual(read(bytes, [1]), read(bytes, [4_096]), name);
  }
});
