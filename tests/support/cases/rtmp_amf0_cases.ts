// A table of AMF0 values and their bytes, for decoding, encoding and fuzzing. The bytes were
// written by hand from "Action Message Format -- AMF 0".

import type { Amf0Value } from "../../../src/protocol/rtmp/amf0.ts";
import { hex } from "../rtmp_wire.ts";

/** A value and its bytes. */
export interface Amf0Case {
  readonly name: string;
  readonly wire: Uint8Array<ArrayBuffer>;
  readonly value: Amf0Value;
  /** Whether the program reads this form but writes a different one. */
  readonly isReadOnly?: boolean;
}

/** Bytes that are not AMF0, and the error they cause. */
export interface BrokenAmf0Case {
  readonly name: string;
  readonly wire: Uint8Array<ArrayBuffer>;
  readonly error: RegExp;
}

/** Valid values. */
export const AMF0_CASES: readonly Amf0Case[] = [
  { name: "a number", wire: hex("00 3ff8000000000000"), value: 1.5 },
  { name: "a negative number", wire: hex("00 c09f400000000000"), value: -2000 },
  { name: "true", wire: hex("01 01"), value: true },
  { name: "false", wire: hex("01 00"), value: false },
  { name: "a boolean of another number", wire: hex("01 7f"), value: true, isReadOnly: true },
  { name: "an empty string", wire: hex("02 0000"), value: "" },
  { name: "a string in UTF-8", wire: hex("02 0006 c3bc e282ac 61"), value: "ü€a" },
  { name: "null", wire: hex("05"), value: null },
  { name: "undefined", wire: hex("06"), value: undefined },
  { name: "unsupported", wire: hex("0d"), value: undefined, isReadOnly: true },
  { name: "an empty object", wire: hex("03 0000 09"), value: {} },
  {
    name: "an object in an object",
    wire: hex("03 0001 61 03 0001 62 02 0001 63 0000 09 0001 64 05 0000 09"),
    value: { a: { b: "c" }, d: null },
  },
  {
    name: "an ECMA array, whatever its count",
    wire: hex("08 ffffffff 0001 61 01 01 0000 09"),
    value: { a: true },
    isReadOnly: true,
  },
  {
    name: "a typed object",
    wire: hex("10 0003 466f6f 0001 61 01 01 0000 09"),
    value: { a: true },
    isReadOnly: true,
  },
  {
    name: "an object with an empty key",
    wire: hex("03 0000 01 01 0001 61 05 0000 09"),
    value: { "": true, a: null },
  },
  {
    name: "an object without its end",
    wire: hex("03 0001 61 01 01"),
    value: { a: true },
    isReadOnly: true,
  },
  { name: "an empty array", wire: hex("0a 00000000"), value: [] },
  {
    name: "an array",
    wire: hex("0a 00000002 02 0004 61763031 0a 00000001 05"),
    value: ["av01", [null]],
  },
  { name: "a date", wire: hex("0b 4271f71fb04cb000 0000"), value: new Date(1234567890123) },
  { name: "a long string", wire: hex("0c 00000001 61"), value: "a", isReadOnly: true },
  { name: "an XML document", wire: hex("0f 00000004 3c612f3e"), value: "<a/>", isReadOnly: true },
  { name: "16 levels", wire: nested(16), value: nestedValue(16) },
];

/** Invalid values. */
export const BROKEN_AMF0_CASES: readonly BrokenAmf0Case[] = [
  { name: "an unknown marker", wire: hex("12"), error: /marker 18/ },
  { name: "a reference", wire: hex("07 0001"), error: /marker 7/ },
  { name: "a movie clip", wire: hex("04"), error: /marker 4/ },
  { name: "17 levels", wire: nested(17), error: /deeper than 16/ },
  { name: "10,000 levels", wire: nested(10000), error: /deeper than 16/ },
  {
    name: "10,000 levels of arrays",
    wire: hex("0a 00000001".repeat(10000)),
    error: /deeper than 16/,
  },
  { name: "an array that claims four billion values", wire: hex("0a ffffffff"), error: /array of/ },
  {
    name: "arrays that hold 2,000 values together",
    wire: hex(`0a 00000004 ${`0a 00000258 ${"05".repeat(600)}`.repeat(4)}`),
    error: /array of 600|more than 1024/,
  },
  { name: "a string that ends early", wire: hex("02 0005 6162"), error: /Cannot read 5 bytes/ },
  {
    name: "a long string that claims 4 GiB",
    wire: hex("0c ffffffff 61"),
    error: /Cannot read 4294967295 bytes/,
  },
  { name: "an object that ends in a key", wire: hex("03 0001"), error: /Cannot read 1 bytes/ },
  {
    name: "an object that ends in a value",
    wire: hex("03 0001 61 01"),
    error: /Cannot read 1 bytes/,
  },
];

function nested(levels: number): Uint8Array<ArrayBuffer> {
  return hex(`${"03 0001 61".repeat(levels)} 05 ${"0000 09".repeat(levels)}`);
}

function nestedValue(levels: number): Amf0Value {
  return levels === 0 ? null : { a: nestedValue(levels - 1) };
}
