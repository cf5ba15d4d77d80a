// The part of Lua's standard library that Redis allows and our scripts use. Follows the Lua 5.1
// reference manual, section 5.

import { general, LuaError, type LuaFunction, LuaTable, type LuaValue } from "./values.ts";
import { operand, toNumber, toText, typeOf } from "./values.ts";
import { decodeJson, encodeJson, JSON_NULL } from "./json.ts";

const FORMAT = /%(?:%|(\d*)(?:\.(\d+))?([dfgs]))/g;

function format(pattern: LuaValue, ...args: LuaValue[]): string {
  let next = 0;
  return String(pattern).replace(FORMAT, (found, width, precision, kind) => {
    if (found === "%%") return "%";
    const value = args[next++];
    return written(value, kind, precision).padStart(Number(width ?? 0));
  });
}

function written(value: LuaValue, kind: string, precision: string | undefined): string {
  switch (kind) {
    case "d":
      return String(Math.trunc(operand(value)));
    case "f":
      return operand(value).toFixed(Number(precision ?? 6));
    case "g":
      return general(operand(value), Number(precision ?? 6));
    default:
      return toText(value);
  }
}

function tableOf(value: LuaValue): LuaTable {
  if (value instanceof LuaTable) return value;
  throw new LuaError(`bad argument (table expected, got ${typeOf(value)})`);
}

const nextOfList: LuaFunction = (table, at) => {
  const next = Number(at) + 1;
  const value = tableOf(table).get(next);
  return value === undefined ? [] : [next, value];
};

function pairs(table: LuaValue): readonly LuaValue[] {
  const entries = [...tableOf(table).entries()];
  let next = 0;
  return [() => entries[next++] ?? []];
}

function protectedCall(called: LuaValue, ...args: LuaValue[]): readonly LuaValue[] {
  try {
    if (typeof called !== "function") throw new LuaError(`attempt to call a ${typeOf(called)}`);
    return [true, ...called(...args)];
  } catch (error) {
    if (!(error instanceof LuaError)) throw error;
    return [false, error.value];
  }
}

const STRING = LuaTable.of({
  format: (...args) => [format(...args as [LuaValue])],
  len: (text) => [new TextEncoder().encode(toText(text)).length],
  lower: (text) => [toText(text).toLowerCase()],
  upper: (text) => [toText(text).toUpperCase()],
});

const MATH = LuaTable.of({
  floor: (value) => [Math.floor(operand(value))],
  ceil: (value) => [Math.ceil(operand(value))],
  abs: (value) => [Math.abs(operand(value))],
  max: (...args) => [Math.max(...args.map(operand))],
  min: (...args) => [Math.min(...args.map(operand))],
  huge: Infinity,
});

const TABLE = LuaTable.of({
  insert: (table, ...rest) => {
    const { list } = tableOf(table);
    if (rest.length === 1) tableOf(table).set(list.length + 1, rest[0]);
    else list.splice(operand(rest[0]) - 1, 0, rest[1]);
    return [];
  },
  remove: (table, at) => {
    const { list } = tableOf(table);
    if (list.length === 0) return [undefined];
    return list.splice(at === undefined ? list.length - 1 : operand(at) - 1, 1);
  },
  concat: (table, separator) => {
    return [tableOf(table).list.map(toText).join(separator === undefined ? "" : toText(separator))];
  },
  getn: (table) => [tableOf(table).list.length],
});

export const LIBRARY: Readonly<Record<string, LuaValue>> = {
  type: (value: LuaValue) => [typeOf(value)],
  tonumber: (value: LuaValue) => [toNumber(value)],
  tostring: (value: LuaValue) => [toText(value)],
  ipairs: (table: LuaValue) => [nextOfList, tableOf(table), 0],
  pairs: (table: LuaValue) => pairs(table),
  unpack: (table: LuaValue) => tableOf(table).list,
  pcall: (called: LuaValue, ...args: LuaValue[]) => protectedCall(called, ...args),
  error: (value: LuaValue) => {
    throw new LuaError(value);
  },
  assert: (...args: LuaValue[]) => {
    if (args[0] === undefined || args[0] === false) {
      throw new LuaError(args[1] ?? "assertion failed!");
    }
    return args;
  },
  string: STRING,
  math: MATH,
  table: TABLE,
  cjson: LuaTable.of({
    encode: (value) => [encodeJson(value)],
    decode: (text) => [decodeJson(text)],
    null: JSON_NULL,
  }),
};
