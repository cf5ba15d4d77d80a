import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { BodyScanner } from "./body_scanner.ts";
import { BROKEN_CHUNKS, CHUNKED_BODIES } from "../../../tests/support/cases/http_chunked_cases.ts";
import type { BodyLength } from "./head.ts";

const LAST_CHUNK = "0\r\n\r\n";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

interface Scan {
  readonly data: string;
  readonly taken: number;
  readonly done: boolean;
}

function scan(length: BodyLength, pieces: Iterable<string>): Scan {
  let data = "";
  let taken = 0;
  const scanner = new BodyScanner(length, (piece) => data += String.fromCharCode(...piece));
  for (const piece of pieces) taken += scanner.push(bytes(piece));
  return { data, taken, done: scanner.done };
}

for (const [name, { wire, data, behind }] of Object.entries(CHUNKED_BODIES)) {
  Deno.test(`a chunked body ends where it should, however it is split: ${name}`, () => {
    const whole = wire + behind;
    const expected = { data, taken: wire.length, done: true };
    assert.deepEqual(scan("chunked", [whole]), expected);
    assert.deepEqual(scan("chunked", [...whole]), expected);
    for (let at = 1; at < whole.length; at++) {
      assert.deepEqual(scan("chunked", [whole.slice(0, at), "", whole.slice(at)]), expected);
    }
    for (let at = 0; at < wire.length; at++) {
      const { taken, done } = scan("chunked", [wire.slice(0, at)]);
      assert.deepEqual([taken, done], [at, false], `cut at ${at}`);
    }
  });
}

for (const [name, wire] of Object.entries(BROKEN_CHUNKS)) {
  Deno.test(`malformed chunks are refused: ${name}`, () => {
    assert.throws(() => scan("chunked", [wire]), ProtocolError);
    assert.throws(() => scan("chunked", wire), ProtocolError);
  });
}

Deno.test("a chunk may be as large as an exact number can be", () => {
  const scanner = new BodyScanner("chunked");
  scanner.push(bytes("ffffffffffff\r\n"));
  assert.equal(scanner.push(new Uint8Array(1 << 20)), 1 << 20);
  assert.equal(scanner.done, false);
});

Deno.test("extensions are limited per chunk, not in total", () => {
  const chunk = `1;${"a".repeat(256)}\r\nx\r\n`;
  assert.equal(scan("chunked", [chunk.repeat(9), LAST_CHUNK]).data, "x".repeat(9));
});

Deno.test("the scanner does not look at the data", () => {
  const started = performance.now();
  const scanner = new BodyScanner("chunked");
  const chunk = bytes(`fffe\r\n${"x".repeat(65534)}\r\n`);
  for (let round = 0; round < 10_000; round++) scanner.push(chunk);
  // 655 MB: looking at each byte would take more than a second.
  assert.ok(performance.now() - started < 400);
});

Deno.test("a counted body ends with its last byte", () => {
  assert.deepEqual(scan(5, ["hel", "loGET"]), { data: "hello", taken: 5, done: true });
  assert.deepEqual(scan(5, ["hell"]), { data: "hell", taken: 4, done: false });
  assert.deepEqual(scan(5, ["hello", "GET"]), { data: "hello", taken: 5, done: true });
  assert.deepEqual(scan(0, ["GET"]), { data: "", taken: 0, done: true });
});

Deno.test("a body delimited by the connection's end has no end of its own", () => {
  assert.equal(new BodyScanner("until_close").untilClose, true);
  const expected = { data: "ab0\r\n\r\n", taken: 7, done: false };
  assert.deepEqual(scan("until_close", ["ab", LAST_CHUNK]), expected);
});

Deno.test("a last chunk can be inserted only between two chunks", () => {
  const scanner = new BodyScanner("chunked");
  const wire = "5\r\nhello\r\n2;x\r\nab\r\n0\r\nX: y\r\n\r\n";
  const seen = [...wire].map((byte) => {
    const before = scanner.isBetweenChunks;
    scanner.push(bytes(byte));
    return before ? byte : ".";
  });
  assert.equal(seen.join(""), "5.........2........0..........");
  assert.equal(scanner.isBetweenChunks, false);
});

Deno.test("where a last chunk can be inserted, it ends the body properly", () => {
  for (const { wire, data } of Object.values(CHUNKED_BODIES)) {
    for (let at = 0; at <= wire.length; at++) {
      const scanner = new BodyScanner("chunked");
      scanner.push(bytes(wire.slice(0, at)));
      if (!scanner.isBetweenChunks) continue;
      const ended = scan("chunked", [wire.slice(0, at), LAST_CHUNK]);
      assert.deepEqual([ended.taken, ended.done], [at + LAST_CHUNK.length, true]);
      assert.ok(data.startsWith(ended.data));
    }
  }
});

Deno.test("bodies that are not chunked are never between chunks", () => {
  for (const length of [0, 5, "until_close"] as const) {
    const scanner = new BodyScanner(length);
    assert.equal(scanner.isBetweenChunks, false);
    scanner.push(bytes("hello"));
    assert.equal(scanner.isBetweenChunks, false);
  }
});
