// Measures what the program does with a text in steps instead of time: each step of a regular
// expression, and built-in functions by the length of what they examine. The same work gives the
// same number on every machine. The program's own loops are counted by block_counter.ts.

import { CountingExpression, TooManySteps } from "./counting_expression.ts";

type Method = (this: unknown, ...args: unknown[]) => unknown;
/** The cost of one call. */
type Cost = (self: unknown, args: readonly unknown[], result: unknown) => number;

/** A built-in function: its object, name and cost. */
interface Counted {
  readonly owner: object;
  readonly name: string;
  readonly cost: Cost;
}

const lengthOf = (value: unknown) => (value as { length?: number } | undefined)?.length ?? 0;
const whole: Cost = (self) => lengthOf(self);
const result: Cost = (_self, _arguments, value) => lengthOf(value);
const argument: Cost = (_, [text]) => typeof text === "string" ? text.length : lengthOf(text);
/** A search costs the distance to what it has found. */
const search: Cost = (self, [wanted, from], found) => {
  const begin = typeof from === "number" ? from : 0;
  const way = typeof found === "number" && found >= 0 ? found - begin : lengthOf(self) - begin;
  return Math.max(0, way) + lengthOf(wanted);
};

const BYTES: object = Object.getPrototypeOf(Uint8Array.prototype);

const BUILT_IN: readonly Counted[] = [
  ...["indexOf", "includes"].map((name) => ({ owner: String.prototype, name, cost: search })),
  ...[
    ...["lastIndexOf", "replaceAll", "trim", "trimStart", "trimEnd", "toLowerCase"],
    ...["toUpperCase", "isWellFormed", "normalize", "localeCompare"],
  ].map((name) => ({ owner: String.prototype, name, cost: whole })),
  ...["startsWith", "endsWith"].map((name) => ({ owner: String.prototype, name, cost: argument })),
  ...["indexOf", "includes"].map((name) => ({ owner: Array.prototype, name, cost: search })),
  ...["join", "splice", "concat", "shift", "unshift", "reverse", "flat"].map((name) => {
    return { owner: Array.prototype, name, cost: whole };
  }),
  { owner: Array.prototype, name: "slice", cost: result },
  ...["indexOf", "includes"].map((name) => {
    return { owner: BYTES, name, cost: search };
  }),
  ...[["slice", result], ["fill", whole], ["set", argument]].map(([name, cost]) => {
    return { owner: BYTES, name, cost } as Counted;
  }),
  { owner: TextEncoder.prototype, name: "encode", cost: argument },
  { owner: TextDecoder.prototype, name: "decode", cost: argument },
  { owner: JSON, name: "parse", cost: argument },
  { owner: JSON, name: "stringify", cost: (_, [value], text) => lengthOf(text) + lengthOf(value) },
  {
    owner: Headers.prototype,
    name: "append",
    cost: (_, [name, value]) => lengthOf(name) + lengthOf(value),
  },
  { owner: URL, name: "canParse", cost: argument },
  { owner: Date, name: "parse", cost: argument },
  ...["decodeURIComponent", "encodeURIComponent", "atob", "btoa", "parseInt"].map((name) => {
    return { owner: globalThis, name, cost: argument };
  }),
];

/** While a counter exists, the built-in functions of this thread are replaced. */
export class StepCounter implements Disposable {
  readonly #stack = new DisposableStack();
  /** By flags, and then by source: a literal is a new object each time its line runs. */
  readonly #expressions = new Map<string, Map<string, CountingExpression>>();
  /** What ran last, which is often what runs next: a replacement searches again and again. */
  #last: { readonly native: RegExp; readonly expression: CountingExpression } | undefined;
  #steps = 0;
  #limit = Infinity;
  /** Off while the counter itself uses counted functions. */
  #isCounting = false;

  constructor() {
    this.#watch();
  }

  /**
   * Counts the steps of expressions and built-in functions in a call.
   *
   * @param limit the call is aborted after this many steps, if possible
   */
  async count(call: () => unknown, limit: number): Promise<number> {
    this.#steps = 0;
    this.#limit = limit;
    this.#isCounting = true;
    try {
      await call();
    } catch (error) {
      if (!(error instanceof TooManySteps)) throw error;
    } finally {
      this.#isCounting = false;
    }
    return this.#steps;
  }

  /** Whether an expression has been used while counting. */
  hasRun({ source, flags }: Pick<RegExp, "source" | "flags">): boolean {
    return this.#expressions.get(flags.replace(/[gy]/g, ""))?.has(source) ?? false;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #watch(): void {
    const stack = this.#stack;
    for (const { owner, name, cost } of BUILT_IN) {
      this.#replace(stack, owner, name, (native) => (self, args) => {
        const result = Reflect.apply(native, self, args);
        if (this.#isCounting) this.#steps += 1 + cost(self, args, result);
        return result;
      });
    }
    this.#replace(stack, RegExp.prototype, "exec", (native) => (self, args) => {
      const [expression, text] = [self as RegExp, String(args[0])];
      const { lastIndex, global, sticky } = expression;
      this.#look(expression, text, { from: global || sticky ? lastIndex : 0, isSticky: sticky });
      return Reflect.apply(native, self, args);
    });
    this.#replace(stack, String.prototype, "split", (native) => (self, args) => {
      const [separator] = args;
      if (!(separator instanceof RegExp)) {
        if (this.#isCounting) this.#steps += 1 + lengthOf(self);
        return Reflect.apply(native, self, args);
      }
      return this.#split(String(self), separator, args[1] as number | undefined);
    });
  }

  #replace(
    stack: DisposableStack,
    owner: object,
    name: string,
    make: (native: Method) => (self: unknown, args: unknown[]) => unknown,
  ): void {
    const property = Object.getOwnPropertyDescriptor(owner, name)!;
    const counted = make(Reflect.get(owner, name));
    const value = function (this: unknown, ...args: unknown[]) {
      return counted(this, args);
    };
    Object.defineProperty(owner, name, { value, writable: true, configurable: true });
    stack.defer(() => Object.defineProperty(owner, name, property));
  }

  /**
   * Splits as the built-in method does, which would run the expression at each character
   * separately.
   */
  #split(text: string, separator: RegExp, most = Infinity): string[] {
    const pieces: string[] = [];
    const searching = new RegExp(separator.source, `${separator.flags}g`);
    let from = 0;
    for (let found = searching.exec(text); found !== null; found = searching.exec(text)) {
      pieces.push(text.slice(from, found.index));
      from = searching.lastIndex;
      if (pieces.length >= most) return pieces;
    }
    return [...pieces, text.slice(from)];
  }

  #look(native: RegExp, text: string, where: { from: number; isSticky: boolean }): void {
    if (!this.#isCounting || where.from > text.length) return;
    this.#isCounting = false;
    try {
      const left = this.#limit - this.#steps;
      const { from, isSticky } = where;
      this.#steps += this.#expressionFor(native).search(text, from, isSticky, left).steps;
    } catch (error) {
      // The caller may continue after an error.
      this.#steps = Infinity;
      throw error;
    } finally {
      this.#isCounting = true;
    }
  }

  #expressionFor(native: RegExp): CountingExpression {
    if (this.#last?.native !== native) {
      this.#last = { native, expression: this.#find(native) };
    }
    return this.#last.expression;
  }

  #find(native: RegExp): CountingExpression {
    const { source } = native;
    // Flags that only affect how an expression is used do not matter.
    const flags = (native.ignoreCase ? "i" : "") + (native.multiline ? "m" : "") +
      (native.dotAll ? "s" : "") + (native.unicode ? "u" : "");
    let bySource = this.#expressions.get(flags);
    if (bySource === undefined) this.#expressions.set(flags, bySource = new Map());
    let expression = bySource.get(source);
    if (expression === undefined) {
      bySource.set(source, expression = new CountingExpression(source, native.flags));
    }
    return expression;
  }
}
