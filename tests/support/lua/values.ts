// How Lua values are represented, and Lua 5.1's operations on them: tables, truth, conversions,
// comparisons. Strings are JavaScript's; lengths in bytes are those of UTF-8. Knows neither the
// compiler nor Redis. Follows the Lua 5.1 reference manual, section 2.

/** A value; nil is undefined. */
export type LuaValue =
  | undefined
  | boolean
  | number
  | string
  | LuaTable
  | LuaFunction
  | symbol;

/** Takes and returns any number of values. */
export type LuaFunction = (...args: LuaValue[]) => readonly LuaValue[];

/** An error raised by a script or by a fault in it. */
export class LuaError extends Error {
  override readonly name = "LuaError";
  readonly value: LuaValue;

  constructor(value: LuaValue) {
    super(typeof value === "string" ? value : "error object is not a string");
    this.value = value;
  }
}

/** A table; values at 1, 2, 3 … are kept as an array. */
export class LuaTable {
  /** Values from index 1 on; may have holes, but not at the end. */
  readonly list: LuaValue[];
  readonly #others = new Map<LuaValue, LuaValue>();

  constructor(list: readonly LuaValue[] = []) {
    this.list = [...list];
    this.#trim();
  }

  static of(fields: Readonly<Record<string, LuaValue>>): LuaTable {
    const table = new LuaTable();
    for (const [name, value] of Object.entries(fields)) table.set(name, value);
    return table;
  }

  get(key: LuaValue): LuaValue {
    if (typeof key === "number" && key >= 1 && key <= this.list.length) {
      if (Number.isInteger(key)) return this.list[key - 1];
    }
    return this.#others.get(key);
  }

  set(key: LuaValue, value: LuaValue): void {
    if (key === undefined || Number.isNaN(key)) throw new LuaError("table index is nil or NaN");
    const { list } = this;
    if (typeof key === "number" && Number.isInteger(key) && key >= 1 && key <= list.length + 1) {
      if (key <= list.length) {
        list[key - 1] = value;
        if (value === undefined) this.#trim();
      } else if (value !== undefined) {
        list.push(value);
        if (this.#others.size > 0) this.#takeFollowing(key);
      }
      return;
    }
    if (value === undefined) this.#others.delete(key);
    else this.#others.set(key, value);
  }

  /** Whether all keys are 1, 2, 3 … without a gap. */
  get isList(): boolean {
    return this.#others.size === 0 && this.list.length > 0 && !this.list.includes(undefined);
  }

  /** Every key with its value: the list first, then the others in insertion order. */
  *entries(): Generator<readonly [LuaValue, LuaValue]> {
    for (let at = 0; at < this.list.length; at++) {
      if (this.list[at] !== undefined) yield [at + 1, this.list[at]];
    }
    yield* this.#others;
  }

  /** Moves values that follow `last` from the other keys to the list, which has grown. */
  #takeFollowing(last: number): void {
    this.#others.delete(last);
    for (let next = last + 1; this.#others.has(next); next++) {
      this.list.push(this.#others.get(next));
      this.#others.delete(next);
    }
  }

  #trim(): void {
    while (this.list.length > 0 && this.list.at(-1) === undefined) this.list.pop();
  }
}

const NUMBER = /^[ \t\n\r]*(-?(?:0x[\da-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))[ \t\n\r]*$/i;

export function isTrue(value: LuaValue): boolean {
  return value !== undefined && value !== false;
}

/** The name of its type in Lua. */
export function typeOf(value: LuaValue): string {
  if (value === undefined) return "nil";
  if (value instanceof LuaTable) return "table";
  return typeof value === "symbol" ? "userdata" : typeof value;
}

/** Converts a number or numeral; undefined for anything else. */
export function toNumber(value: LuaValue): number | undefined {
  if (typeof value === "number") return value;
  const numeral = typeof value === "string" ? NUMBER.exec(value)?.[1] : undefined;
  return numeral === undefined ? undefined : Number(numeral);
}

/** An operand of arithmetic. */
export function operand(value: LuaValue): number {
  if (typeof value === "number") return value;
  const number = toNumber(value);
  if (number === undefined) {
    throw new LuaError(`attempt to perform arithmetic on a ${typeOf(value)} value`);
  }
  return number;
}

export function modulo(one: number, other: number): number {
  return one - Math.floor(one / other) * other;
}

/** As printf's `%.{precision}g` writes it. */
export function general(value: number, precision: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Number.isSafeInteger(value) && value !== 0 && Math.abs(value) < 10 ** precision) {
    return String(value);
  }
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [digits, power] = value.toExponential(precision - 1).split("e") as [string, string];
  const exponent = Number(power);
  if (exponent >= -4 && exponent < precision) {
    const fixed = value.toFixed(precision - 1 - exponent);
    return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
  }
  const short = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
  const sign = exponent < 0 ? "-" : "+";
  return `${short}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** As `tostring` gives it. */
export function toText(value: LuaValue): string {
  if (typeof value === "number") return general(value, 14);
  if (typeof value === "string") return value;
  return value === undefined ? "nil" : String(value instanceof LuaTable ? "table" : value);
}

export function concat(one: LuaValue, other: LuaValue): string {
  for (const value of [one, other]) {
    if (typeof value !== "string" && typeof value !== "number") {
      throw new LuaError(`attempt to concatenate a ${typeOf(value)} value`);
    }
  }
  return toText(one) + toText(other);
}

export function isLess(one: LuaValue, other: LuaValue): boolean {
  if (typeof one === "number" && typeof other === "number") return one < other;
  if (typeof one === "string" && typeof other === "string") return one < other;
  throw new LuaError(`attempt to compare ${typeOf(one)} with ${typeOf(other)}`);
}

export function isAtMost(one: LuaValue, other: LuaValue): boolean {
  if (typeof one === "number" && typeof other === "number") return one <= other;
  return !isLess(other, one);
}

export function lengthOf(value: LuaValue): number {
  if (value instanceof LuaTable) return value.list.length;
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  throw new LuaError(`attempt to get length of a ${typeOf(value)} value`);
}
