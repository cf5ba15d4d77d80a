// Reads and writes AMF0 values, as far as RTMP commands need them. Depth, count and length are
// bounded; unsupported types are a ProtocolError. As lenient as SRS and others: keys may be empty,
// and an object may end with its message. "Action Message Format -- AMF 0".

import type { ByteReader } from "../../core/byte_reader.ts";
import type { ByteWriter } from "../../core/byte_writer.ts";
import { ProtocolError } from "../../core/errors.ts";

/** An AMF0 value; `undefined` stands for Undefined and Unsupported, typed objects lose their name. */
export type Amf0Value =
  | number
  | boolean
  | string
  | null
  | undefined
  | Date
  | readonly Amf0Value[]
  | Amf0Object;

/** An Object, Typed Object or ECMA Array. */
export interface Amf0Object {
  readonly [key: string]: Amf0Value;
}

const Marker = {
  number: 0,
  boolean: 1,
  string: 2,
  object: 3,
  null: 5,
  undefined: 6,
  reference: 7,
  ecmaArray: 8,
  objectEnd: 9,
  strictArray: 10,
  date: 11,
  longString: 12,
  unsupported: 13,
  xmlDocument: 15,
  typedObject: 16,
} as const;

const MAX_DEPTH = 16;
const MAX_VALUES = 1024;

/** What one message may still contain, whatever the nesting. */
interface Budget {
  values: number;
}

/**
 * Reads one value.
 *
 * @throws ProtocolError when the bytes end early, nest deeper than 16, hold more than 1024 values
 * or use a type that commands do not have
 */
export function readAmf0(reader: ByteReader): Amf0Value {
  return readValue(reader, 0, { values: MAX_VALUES });
}

/**
 * Reads as many values as there are; anything else after them is ignored.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ByteReader } from "../../core/byte_reader.ts";
 * import { ByteWriter } from "../../core/byte_writer.ts";
 *
 * const bytes = writeAmf0(new ByteWriter(), "publish", 5, null, "show").finish();
 * assert.deepEqual(readAmf0Values(new ByteReader(bytes)), ["publish", 5, null, "show"]);
 * ```
 *
 * @throws ProtocolError when they nest deeper than 16, which some origins would not survive
 */
export function readAmf0Values(reader: ByteReader): Amf0Value[] {
  const budget = { values: MAX_VALUES };
  const values: Amf0Value[] = [];
  try {
    while (reader.remaining > 0) values.push(readValue(reader, 0, budget));
  } catch (error) {
    if (!(error instanceof ProtocolError) || error instanceof NestingError) throw error;
  }
  return values;
}

class NestingError extends ProtocolError {}

function readValue(
  reader: ByteReader,
  depth: number,
  budget: Budget,
  marker = reader.u8(),
): Amf0Value {
  if (depth > MAX_DEPTH) {
    throw new NestingError(`Cannot read AMF0 nested deeper than ${MAX_DEPTH}`);
  }
  if (--budget.values < 0) {
    throw new ProtocolError(`Cannot read more than ${MAX_VALUES} AMF0 values`);
  }
  switch (marker) {
    case Marker.number:
      return reader.f64();
    case Marker.boolean:
      return reader.u8() !== 0;
    case Marker.string:
      return reader.text(reader.u16());
    case Marker.object:
      return readProperties(reader, depth, budget);
    case Marker.null:
      return null;
    case Marker.undefined:
    case Marker.unsupported:
      return undefined;
    case Marker.ecmaArray:
      reader.skip(4);
      return readProperties(reader, depth, budget);
    case Marker.strictArray:
      return readArray(reader, depth, budget);
    case Marker.date:
      return readDate(reader);
    case Marker.longString:
    case Marker.xmlDocument:
      return reader.text(reader.u32());
    case Marker.typedObject:
      reader.skip(reader.u16());
      return readProperties(reader, depth, budget);
    default:
      throw new ProtocolError(`Cannot read AMF0: unsupported marker ${marker}`);
  }
}

function readProperties(reader: ByteReader, depth: number, budget: Budget): Amf0Object {
  const properties: Record<string, Amf0Value> = Object.create(null);
  while (reader.remaining > 0) {
    const key = reader.text(reader.u16());
    const marker = reader.u8();
    if (key === "" && marker === Marker.objectEnd) break;
    properties[key] = readValue(reader, depth + 1, budget, marker);
  }
  return properties;
}

function readArray(reader: ByteReader, depth: number, budget: Budget): Amf0Value[] {
  const count = reader.u32();
  if (count > budget.values) throw new ProtocolError(`Cannot read AMF0 array of ${count} values`);
  const values: Amf0Value[] = [];
  for (let i = 0; i < count; i++) values.push(readValue(reader, depth + 1, budget));
  return values;
}

function readDate(reader: ByteReader): Date {
  const date = new Date(reader.f64());
  reader.skip(2);
  return date;
}

/** Writes values in sequence. Strings of 64 KiB and more become Long Strings. */
export function writeAmf0(out: ByteWriter, ...values: readonly Amf0Value[]): ByteWriter {
  for (const value of values) writeValue(out, value);
  return out;
}

function writeValue(out: ByteWriter, value: Amf0Value): void {
  if (value === null) out.u8(Marker.null);
  else if (value === undefined) out.u8(Marker.undefined);
  else if (typeof value === "number") out.u8(Marker.number).f64(value);
  else if (typeof value === "boolean") out.u8(Marker.boolean).u8(value ? 1 : 0);
  else if (typeof value === "string") writeString(out, value);
  else if (value instanceof Date) out.u8(Marker.date).f64(value.getTime()).u16(0);
  else if (isArray(value)) writeArray(out, value);
  else writeObject(out, value);
}

function isArray(value: readonly Amf0Value[] | Amf0Object): value is readonly Amf0Value[] {
  return Array.isArray(value);
}

function writeString(out: ByteWriter, value: string): void {
  const encoded = new TextEncoder().encode(value);
  if (encoded.length < 0x10000) out.u8(Marker.string).u16(encoded.length).bytes(encoded);
  else out.u8(Marker.longString).u32(encoded.length).bytes(encoded);
}

function writeArray(out: ByteWriter, values: readonly Amf0Value[]): void {
  out.u8(Marker.strictArray).u32(values.length);
  for (const value of values) writeValue(out, value);
}

function writeObject(out: ByteWriter, properties: Amf0Object): void {
  out.u8(Marker.object);
  for (const [key, value] of Object.entries(properties)) {
    out.text16(key);
    writeValue(out, value);
  }
  out.u16(0).u8(Marker.objectEnd);
}
