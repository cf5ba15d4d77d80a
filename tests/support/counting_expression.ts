// A backtracking regular expression engine that counts its steps: comparing a character, choosing
// an alternative and backtracking are one step each. Other engines differ by a constant factor, not
// in how the steps grow with the text.

import { CharacterSet, type Node, parseExpression } from "./expression_tree.ts";

/** Letters, digits and the underscore: what a word boundary is between. */
const WORD = new CharacterSet("\\w", "");

type Instruction =
  | {
    readonly kind: "span";
    readonly set: CharacterSet;
    readonly least: number;
    readonly most: number;
    readonly isGreedy: boolean;
  }
  | { readonly kind: "split"; first: number; second: number }
  | { readonly kind: "jump"; to: number }
  | { readonly kind: "match" }
  | { readonly kind: "start" | "end" | "boundary" | "no_boundary" }
  | {
    readonly kind: "look";
    readonly isAhead: boolean;
    readonly isNegative: boolean;
    readonly body: readonly Instruction[];
  };

/**
 * The fields of all kinds: if every instruction has all of them, the JavaScript engine reads one
 * several times faster.
 */
const EVERY_FIELD = {
  ...{ kind: "match", set: WORD, least: 0, most: Infinity, isGreedy: false },
  ...{ first: 0, second: 0, to: 0, isAhead: false, isNegative: false, body: [] },
};

/** A choice to backtrack to: an instruction, with one of the positions from `next` to `last`. */
interface Choice {
  instruction: number;
  next: number;
  last: number;
}

/** The end of a match that has failed. */
const NO_MATCH = -1;

/** The result of a search. */
export interface Outcome {
  readonly steps: number;
  /** Where the match begins and ends; undefined if there is none. */
  readonly match: { readonly start: number; readonly end: number } | undefined;
}

/** Thrown when a search takes more steps than the caller allows. */
export class TooManySteps extends Error {
  constructor(source: string) {
    super(`Cannot go on with /${source}/ in the steps that are allowed`);
  }
}

export class CountingExpression {
  readonly tree: Node;
  readonly #source: string;
  readonly #program: readonly Instruction[];
  readonly #isUnicode: boolean;
  readonly #isAnchored: boolean;
  /** Those in use, followed by ones to use again. */
  readonly #choices: Choice[] = [];
  #inUse = 0;
  #steps = 0;
  #limit = 0;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.tree = parseExpression(source, flags);
    this.#program = programOf(this.tree);
    this.#isUnicode = flags.includes("u");
    this.#isAnchored = isAnchored(this.tree);
  }

  /**
   * Searches a text as `exec` does.
   *
   * @param from where to start
   * @param isSticky whether the match must begin there
   * @throws TooManySteps
   */
  search(text: string, from: number, isSticky: boolean, limit: number): Outcome {
    this.#steps = 0;
    this.#limit = limit;
    this.#inUse = 0;
    const last = isSticky ? from : this.#isAnchored ? 0 : text.length;
    for (let next = from; next <= last;) {
      const start = this.#nextStart(text, next, last);
      this.#step(Math.min(start, last) + 1 - next);
      if (start > last) break;
      next = start + 1;
      const end = this.#run(this.#program, text, start);
      if (end !== NO_MATCH) return { steps: this.#steps, match: { start, end } };
    }
    return { steps: this.#steps, match: undefined };
  }

  /**
   * The next position where a match can begin: fast, because most texts have few.
   *
   * @returns more than `last` if there is none
   */
  #nextStart(text: string, from: number, last: number): number {
    const [first] = this.#program;
    if (first?.kind !== "span" || first.least === 0) return from;
    const { set } = first;
    const end = Math.min(text.length, last + 1);
    for (let at = from; at < end; at++) if (set.has(this.#codeAt(text, at))) return at;
    return last + 1;
  }

  #codeAt(text: string, at: number): number {
    return this.#isUnicode ? text.codePointAt(at)! : text.charCodeAt(at);
  }

  #step(count: number): void {
    this.#steps += count;
    if (this.#steps > this.#limit) throw new TooManySteps(this.#source);
  }

  /** @returns where the match ends, or NO_MATCH */
  #run(program: readonly Instruction[], text: string, start: number): number {
    const others = this.#inUse;
    let end = this.#follow(program, text, start, 0);
    while (end === NO_MATCH && this.#inUse > others) {
      const choice = this.#choices[this.#inUse - 1]!;
      const at = choice.next;
      if (at === choice.last) this.#inUse--;
      else choice.next = this.#neighbour(text, at, choice.last);
      end = this.#follow(program, text, at, choice.instruction);
    }
    this.#inUse = others;
    return end;
  }

  #choose(instruction: number, next: number, last: number): void {
    const choice = this.#choices[this.#inUse++];
    if (choice === undefined) {
      this.#choices.push({ instruction, next, last });
    } else {
      choice.instruction = instruction;
      choice.next = next;
      choice.last = last;
    }
  }

  /** Continues until the match fails or succeeds, recording alternatives as choices. */
  #follow(
    program: readonly Instruction[],
    text: string,
    from: number,
    begin: number,
  ): number {
    let at = from;
    let next = begin;
    while (at !== NO_MATCH) {
      const instruction = program[next]!;
      this.#step(1);
      switch (instruction.kind) {
        case "match":
          return at;
        case "jump":
          next = instruction.to;
          break;
        case "split":
          this.#choose(instruction.second, at, at);
          next = instruction.first;
          break;
        case "span":
          at = this.#takeSpan(instruction, text, at, ++next);
          break;
        default:
          if (!this.#holds(instruction, text, at)) return NO_MATCH;
          next++;
      }
    }
    return NO_MATCH;
  }

  /**
   * @param next the index of the instruction behind it
   * @returns the position behind it, or NO_MATCH
   */
  #takeSpan(
    { set, least, most, isGreedy }: Extract<Instruction, { kind: "span" }>,
    text: string,
    from: number,
    next: number,
  ): number {
    let at = from;
    let count = 0;
    let first = at;
    while (count < most && at < text.length) {
      const code = this.#codeAt(text, at);
      if (!set.has(code)) break;
      at += code > 0xffff ? 2 : 1;
      if (++count === least) first = at;
    }
    this.#step(count);
    if (count < least) return NO_MATCH;
    const best = isGreedy ? at : first;
    const worst = isGreedy ? first : at;
    if (best !== worst) this.#choose(next, this.#neighbour(text, best, worst), worst);
    return best;
  }

  /** The position next to `at` in the direction of `towards`. */
  #neighbour(text: string, at: number, towards: number): number {
    const step = at < towards ? 1 : -1;
    const next = at + step;
    const isInside = this.#isUnicode && next > 0 && next < text.length &&
      text.codePointAt(next - 1)! > 0xffff;
    return isInside ? next + step : next;
  }

  #holds(
    instruction: Exclude<Instruction, { kind: "span" | "split" | "jump" | "match" }>,
    text: string,
    at: number,
  ): boolean {
    switch (instruction.kind) {
      case "start":
        return at === 0;
      case "end":
        return at === text.length;
      case "boundary":
        return isWord(text, at - 1) !== isWord(text, at);
      case "no_boundary":
        return isWord(text, at - 1) === isWord(text, at);
      case "look": {
        const { body, isAhead, isNegative } = instruction;
        // The sources use lookbehind only for single characters.
        const found = isAhead
          ? this.#run(body, text, at) !== NO_MATCH
          : at > 0 && this.#run(body, text, at - 1) === at;
        return found !== isNegative;
      }
    }
  }
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && WORD.has(text.charCodeAt(at));
}

function isAnchored(node: Node): boolean {
  if (node.kind === "start") return true;
  if (node.kind === "sequence") return node.parts.length > 0 && isAnchored(node.parts[0]!);
  return node.kind === "choice" && node.options.every(isAnchored);
}

function programOf(node: Node): Instruction[] {
  const instructions: Instruction[] = [...compile(node, 0), { kind: "match" }];
  return instructions.map((one) => ({ ...EVERY_FIELD, ...one }));
}

/** @param at the index of the first instruction */
function compile(node: Node, at: number): Instruction[] {
  switch (node.kind) {
    case "set":
      return [{ kind: "span", set: node.set, least: 1, most: 1, isGreedy: true }];
    case "sequence":
      return compileAll(node.parts, at);
    case "choice":
      return compileChoice(node.options, at);
    case "repeat":
      return compileRepeat(node, at);
    case "look": {
      const { isAhead, isNegative } = node;
      return [{ kind: "look", isAhead, isNegative, body: programOf(node.body) }];
    }
    default:
      return [{ kind: node.kind }];
  }
}

function compileAll(nodes: readonly Node[], at: number): Instruction[] {
  const all: Instruction[] = [];
  for (const node of nodes) all.push(...compile(node, at + all.length));
  return all;
}

function compileChoice([option, ...others]: readonly Node[], at: number): Instruction[] {
  const first = compile(option!, at + 1);
  if (others.length === 0) return compile(option!, at);
  const second = at + 1 + first.length + 1;
  const rest = compileChoice(others, second);
  return [
    { kind: "split", first: at + 1, second },
    ...first,
    { kind: "jump", to: second + rest.length },
    ...rest,
  ];
}

function compileRepeat(node: Extract<Node, { kind: "repeat" }>, at: number): Instruction[] {
  const { body, least, most, isGreedy } = node;
  if (body.kind === "set") return [{ kind: "span", set: body.set, least, most, isGreedy }];
  if (canBeEmpty(body) && most > 1) throw new Error("Cannot repeat what may be empty");
  const required = compileAll(new Array<Node>(least).fill(body), at);
  const begin = at + required.length;
  if (most === Infinity) {
    const once = compile(body, begin + 1);
    const end = begin + 1 + once.length + 1;
    return [...required, split(begin + 1, end, isGreedy), ...once, { kind: "jump", to: begin }];
  }
  if (most === least) return required;
  const once = compile(body, begin + 1);
  const further = { ...node, least: 0, most: most - least - 1 };
  const rest = further.most === 0 ? [] : compileRepeat(further, begin + 1 + once.length);
  const end = begin + 1 + once.length + rest.length;
  return [...required, split(begin + 1, end, isGreedy), ...once, ...rest];
}

function split(inside: number, behind: number, isGreedy: boolean): Instruction {
  const [first, second] = isGreedy ? [inside, behind] : [behind, inside];
  return { kind: "split", first, second };
}

function canBeEmpty(node: Node): boolean {
  switch (node.kind) {
    case "set":
      return false;
    case "sequence":
      return node.parts.every(canBeEmpty);
    case "choice":
      return node.options.some(canBeEmpty);
    case "repeat":
      return node.least === 0 || canBeEmpty(node.body);
    default:
      return true;
  }
}
