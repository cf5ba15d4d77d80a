// cjson as in Redis: converts Lua values to JSON and back. A table whose keys are all positive
// integers is an array, an empty one an object; numbers keep 14 digits; text that is not
// well-formed Unicode is an error. The order of keys may differ from cjson's.

import { general, LuaError, LuaTable, type LuaValue, toText, typeOf } from "./values.ts";

/** What `null` is decoded to; it is not nil. */
export const JSON_NULL: unique symbol = Symbol("null");

/** Characters that cjson escapes and JavaScript does not. */
const ESCAPED = /[/\x7f]/;
const DEEPEST = 1_000;
/** How sparse an array may be; short ones may have any gaps. */
const SPARSE = { ratio: 2, safe: 10 };

/** @throws LuaError as cjson does */
export function encodeJson(value: LuaValue, depth = 1): string {
  if (depth > DEEPEST) throw new LuaError("Cannot serialise, excessive depth");
  switch (typeof value) {
    case "undefined":
    case "symbol":
      return "null";
    case "boolean":
      return String(value);
    case "number":
      if (!Number.isFinite(value)) {
        throw new LuaError("Cannot serialise number: must not be NaN or Inf");
      }
      return general(value, 14);
    case "string":
      return encodeText(value);
    case "function":
      throw new LuaError("Cannot serialise function: type not supported");
    default:
      return encodeTable(value, depth);
  }
}

/** @throws LuaError as cjson does */
export function decodeJson(text: LuaValue): LuaValue {
  if (typeof text !== "string") {
    throw new LuaError(`bad argument #1 to 'decode' (string expected, got ${typeOf(text)})`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LuaError(`Expected value but found invalid token: ${reason}`);
  }
  return decoded(value);
}

function encodeText(text: string): string {
  const written = JSON.stringify(text);
  return ESCAPED.test(written)
    ? written.replace(/\//g, "\\/").replace(/\x7f/g, "\\u007f")
    : written;
}

function encodeTable(table: LuaTable, depth: number): string {
  if (table.isList) return `[${table.list.map((each) => encodeJson(each, depth + 1)).join(",")}]`;
  const entries = [...table.entries()];
  const isList = entries.length > 0 && entries.every(([key]) => isPosition(key));
  if (!isList) {
    const fields = entries.map(([key, value]) => {
      if (typeof key !== "string" && typeof key !== "number") {
        throw new LuaError("Cannot serialise table: table key must be a number or string");
      }
      return `${encodeText(toText(key))}:${encodeJson(value, depth + 1)}`;
    });
    return `{${fields.join(",")}}`;
  }
  const last = Math.max(...entries.map(([key]) => Number(key)));
  if (last > SPARSE.safe && last > entries.length * SPARSE.ratio) {
    throw new LuaError("Cannot serialise table: excessively sparse array");
  }
  const list = Array.from({ length: last }, (_, at) => encodeJson(table.get(at + 1), depth + 1));
  return `[${list.join(",")}]`;
}

function isPosition(key: LuaValue): boolean {
  return typeof key === "number" && Number.isInteger(key) && key >= 1;
}

function decoded(value: unknown): LuaValue {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) {
        throw new LuaError("Expected value but found invalid unicode escape code");
      }
      return value;
    case "number":
    case "boolean":
      return value;
    default:
      return value === null ? JSON_NULL : decodedTable(value as object);
  }
}

function decodedTable(value: object): LuaTable {
  if (Array.isArray(value)) return new LuaTable(value.map(decoded));
  const table = new LuaTable();
  for (const [name, field] of Object.entries(value)) table.set(decoded(name), decoded(field));
  return table;
}
