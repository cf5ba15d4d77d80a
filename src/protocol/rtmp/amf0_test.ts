import assert from "node:assert/strict";
import { ByteReader } from "../../core/byte_reader.ts";
import { ByteWriter } from "../../core/byte_writer.ts";
import { ProtocolError } from "../../core/errors.ts";
import { AMF0_CASES, BROKEN_AMF0_CASES } from "../../../tests/support/cases/rtmp_amf0_cases.ts";
import { hex } from "../../../tests/support/rtmp_wire.ts";
import { type Amf0Object, type Amf0Value, readAmf0, readAmf0Values, writeAmf0 } from "./amf0.ts";

/** Objects are read without a prototype, so that no key from a peer has a special meaning. */
function plain(value: Amf0Value): unknown {
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

function isObject(value: Amf0Value): value is Amf0Object {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

/** Reads a value; undefined if it is refused. */
function tryRead(wire: Uint8Array): { value: Amf0Value } | undefined {
  try {
    return { value: readAmf0(new ByteReader(wire)) };
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

for (const { name, wire, value, isReadOnly } of AMF0_CASES) {
  Deno.test(`AMF0 reads ${name}`, () => {
    const reader = new ByteReader(wire);
    assert.deepEqual(plain(readAmf0(reader)), value);
    assert.equal(reader.remaining, 0);
  });

  Deno.test(`AMF0 refuses ${name} truncated, except an object between two keys`, () => {
    for (let length = 0; length < wire.length; length++) {
      const read = tryRead(wire.subarray(0, length));
      if (read === undefined) continue;
      assert.ok(isObject(value) && isObject(read.value));
      for (const key of Object.keys(read.value)) assert.ok(key in value);
    }
  });

  if (isReadOnly) continue;
  Deno.test(`AMF0 writes ${name}`, () => {
    assert.deepEqual(writeAmf0(new ByteWriter(), value).finish(), wire);
  });
}

for (const { name, wire, error } of BROKEN_AMF0_CASES) {
  Deno.test(`AMF0 refuses ${name}`, () => {
    assert.throws(() => readAmf0(new ByteReader(wire)), (thrown) => {
      assert.ok(thrown instanceof ProtocolError);
      assert.match(thrown.message, error);
      return true;
    });
  });
}

Deno.test("AMF0 reads several values up to the end", () => {
  const reader = new ByteReader(hex("05 01 01 02 0001 61"));
  assert.deepEqual(readAmf0Values(reader), [null, true, "a"]);
});

for (
  const [what, tail] of [
    ["bytes that are no value", "ff ff ff"],
    ["zeros", "00 00 00"],
    ["a string that ends early", "02 0005 61"],
    ["an array that claims too much", "0a ffffffff"],
  ] as const
) {
  Deno.test(`AMF0 ignores ${what} after the values`, () => {
    const reader = new ByteReader(hex(`05 02 0001 61 ${tail}`));
    assert.deepEqual(readAmf0Values(reader), [null, "a"]);
  });
}

Deno.test("AMF0 reads 1024 of 2,000 values, and refuses values nested too deep", () => {
  assert.equal(readAmf0Values(new ByteReader(hex("05".repeat(2000)))).length, 1024);
  const deep = new ByteReader(hex(`05 ${"03 0001 61".repeat(100)}`));
  assert.throws(() => readAmf0Values(deep), /deeper than 16/);
});

Deno.test("AMF0 treats keys like __proto__ as any other", () => {
  const wire = hex("03 0009 5f5f70726f746f5f5f 03 0001 61 01 01 0000 09 0000 09");
  const value = readAmf0(new ByteReader(wire)) as Record<string, Amf0Value>;
  assert.equal(Object.getPrototypeOf(value), null);
  assert.equal(({} as { a?: unknown }).a, undefined);
  assert.deepEqual(Object.keys(value), ["__proto__"]);
});

Deno.test("AMF0 writes a string of 64 KiB as a Long String", () => {
  const short = writeAmf0(new ByteWriter(), "x".repeat(65535)).finish();
  assert.deepEqual([...short.subarray(0, 3)], [2, 0xff, 0xff]);
  const long = writeAmf0(new ByteWriter(), "x".repeat(65536)).finish();
  assert.deepEqual([...long.subarray(0, 5)], [12, 0, 1, 0, 0]);
  assert.equal(readAmf0(new ByteReader(long)), "x".repeat(65536));
});
