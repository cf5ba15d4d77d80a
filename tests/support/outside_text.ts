// What the places that look at texts from outside are fed with, and what may come of it: 64 KB of each character,
// and of each pair of those that mean something there, take steps in proportion to their length.

import assert from "node:assert/strict";
import { ProxyError } from "../../src/core/errors.ts";
import { FUZZ_SEED } from "./fuzzing.ts";
import { randomNumbers } from "./random_text.ts";
import type { TextParser } from "./text_parsers.ts";

/** Characters of a run. */
const LENGTH = 65_536;
/** The most that any place takes now is a quarter of it; what grows with the square takes 32,000. */
const STEPS_PER_CHARACTER = 400;
/** What it takes at once, whatever the text, included. */
const MOST_STEPS = 1_000_000 + STEPS_PER_CHARACTER * LENGTH;
const EVERY_CHARACTER = [
  ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)),
  ...["\u0080", "\u00a0", "\u00e9", "\u2028", "\u4e2d", "\ud800", "\u{1f600}"],
];
const ORDINARY = "a";
/** One in so many of the characters that mean nothing is tried in a run of the tests, unless all are asked for. */
const SAMPLE = Deno.env.has("SRS_PROXY_FUZZ_ALL") ? 1 : 4;

/** What runs for a place are made of: each character, and pairs of those that mean something there. */
function* unitsFor({ special }: TextParser): Generator<string> {
  const known = [...new Set([...special, ...ORDINARY])];
  const random = randomNumbers(FUZZ_SEED);
  for (const one of EVERY_CHARACTER) if (known.includes(one) || random(SAMPLE) === 0) yield one;
  for (const [index, one] of known.entries()) {
    for (const other of known.slice(index + 1)) yield one + other;
  }
}

/** What a place is given at a time. */
interface Input {
  readonly run: string;
  /** With `$` in the place of each run. */
  readonly text: string;
}

/** Texts with several runs share the characters among them. */
function inputsFor(parser: TextParser): Input[] {
  return Array.from(unitsFor(parser)).flatMap((unit) => {
    return parser.texts.map((text) => {
      const runs = text.split("$").length - 1;
      return { run: unit.repeat(LENGTH / runs / unit.length), text };
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

/** Counts the steps of a call; it may be broken off beyond the limit. */
export type Count = (call: () => unknown, limit: number) => Promise<number>;

/**
 * Feeds a place with everything and has the steps counted: of as many inputs at once as take no more
 * together than one of them may, where counting is dear.
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
    const steps = await count(() => feed(parser, some), MOST_STEPS);
    if (steps <= MOST_STEPS) {
      at += some.length;
      if (steps <= MOST_STEPS / 2) atOnce = Math.min(2 * atOnce, mostAtOnce);
    } else {
      const { text, run } = some[0]!;
      const about = `${text} with ${JSON.stringify(run.slice(0, 2))}: ${steps} steps`;
      assert.ok(some.length > 1, about);
      atOnce = 1;
    }
  }
}
