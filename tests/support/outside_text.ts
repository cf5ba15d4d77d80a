// Feeds texts to the places that examine texts from outside, and checks their cost: 64 KB of each
// character, and 16 KB of each pair of characters with a meaning there, must take steps in proportion
// to their length.

import assert from "node:assert/strict";
import { ProxyError } from "../../src/core/errors.ts";
import { FUZZ_SEED } from "./fuzzing.ts";
import { randomNumbers } from "./random_text.ts";
import type { TextParser } from "./text_parsers.ts";

/** Length of a run in characters, if it is of one character and if it is of two. */
const LENGTH = 65_536;
const LENGTH_OF_PAIRS = LENGTH / 4;
/** Four times the most that any place takes now; quadratic behaviour takes 8,000 for pairs, and 32,000. */
const STEPS_PER_CHARACTER = 400;
/** The fixed cost, whatever the text. */
const STEPS_FOR_ALL = 1_000_000;
const EVERY_CHARACTER = [
  ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)),
  ...["\u0080", "\u00a0", "\u00e9", "\u2028", "\u4e2d", "\ud800", "\u{1f600}"],
];
const ORDINARY = "a";
/**
 * One in this many of the characters without a meaning is tried, unless SRS_PROXY_FUZZ_ALL is set.
 */
const SAMPLE = Deno.env.has("SRS_PROXY_FUZZ_ALL") ? 1 : 4;

/**
 * What the runs for a place are made of: each character, and pairs of characters with a meaning
 * there.
 */
function* unitsFor({ special }: TextParser): Generator<string> {
  const known = [...new Set([...special, ...ORDINARY])];
  const random = randomNumbers(FUZZ_SEED);
  for (const one of EVERY_CHARACTER) if (known.includes(one) || random(SAMPLE) === 0) yield one;
  for (const [index, one] of known.entries()) {
    for (const other of known.slice(index + 1)) yield one + other;
  }
}

/** One input for a place. */
interface Input {
  readonly run: string;
  /** With `$` in place of each run. */
  readonly text: string;
  /** The steps that it may take. */
  readonly most: number;
}

/** The inputs for a place; texts with several runs share the characters among them. */
function inputsFor(parser: TextParser): Input[] {
  return Array.from(unitsFor(parser)).flatMap((unit) => {
    return parser.texts.map((text) => {
      const runs = text.split("$").length - 1;
      const length = [...unit].length === 1 ? LENGTH : LENGTH_OF_PAIRS;
      const most = STEPS_FOR_ALL + STEPS_PER_CHARACTER * length;
      return { run: unit.repeat(length / runs / unit.length), text, most };
    });
  });
}

async function feed({ parse }: TextParser, inputs: readonly Input[]): Promise<void> {
  for (const { run, text } of inputs) {
    try {
      await parse(text.replaceAll("$", () => run));
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
    }
  }
}

/** Counts the steps of a call, which may be aborted beyond the limit. */
export type Count = (call: () => unknown, limit: number) => Promise<number>;

/**
 * Feeds a place with all inputs and counts the steps. Where counting is expensive, several inputs
 * share a count, which together may take no more than one of them.
 */
export async function assertProportional(
  parser: TextParser,
  count: Count,
  { mostAtOnce = Infinity } = {},
): Promise<void> {
  const inputs = inputsFor(parser);
  let atOnce = 1;
  for (let at = 0; at < inputs.length;) {
    const some = inputs.slice(at, at + atOnce);
    const most = Math.min(...some.map((input) => input.most));
    const steps = await count(() => feed(parser, some), most);
    if (steps <= most) {
      at += some.length;
      // As many as took half of the limit this time: those beyond it have to be fed again.
      const enough = Math.floor(some.length * most / 2 / steps);
      atOnce = Math.max(1, Math.min(2 * some.length, enough, mostAtOnce));
    } else {
      const { text, run } = some[0]!;
      const about = `${text} with ${JSON.stringify(run.slice(0, 2))}: ${steps} steps`;
      assert.ok(some.length > 1, about);
      atOnce = 1;
    }
  }
}
