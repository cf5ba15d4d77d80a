// What the places that look at texts from outside are fed with, and what may come of it: runs of 32 KB of each
// character that means something there, and of 16 KB of pairs of them, take steps in proportion to their length.

import assert from "node:assert/strict";
import { ProxyError } from "../../src/core/errors.ts";
import { FUZZ_SEED } from "./fuzzing.ts";
import { randomNumbers } from "./random_text.ts";
import type { TextParser } from "./text_parsers.ts";

/** Characters of a run. */
const LONG = 32_768;
/** The same for pairs, of which there are many: what grows with the square is far beyond the limit. */
const LENGTH = 16_384;
/** The same for what means nothing at that place, and is one of many that are alike. */
const SHORT = 4_096;
/** The most that any place takes now is a quarter of it; what grows with the square takes 8,000. */
const STEPS_PER_CHARACTER = 400;
/** What a place does at once, whatever the text. */
const STEPS_AT_FIRST = 1_000_000;
const EVERY_CHARACTER = [
  ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)),
  ...["\u0080", "\u00a0", "\u00e9", "\u2028", "\u4e2d", "\ud800", "\u{1f600}"],
];
const ORDINARY = "a";
/** One in so many of the characters that mean nothing is tried in a run of the tests, unless all are asked for. */
const SAMPLE = Deno.env.has("SRS_PROXY_FUZZ_ALL") ? 1 : 4;

/** The runs for a place: each character, and pairs of those that mean something there. */
function* runsFor({ special }: TextParser, most: number): Generator<string> {
  const known = [...new Set([...special, ...ORDINARY])];
  const random = randomNumbers(FUZZ_SEED);
  for (const one of EVERY_CHARACTER) {
    if (random(SAMPLE) > 0 && !known.includes(one)) continue;
    const length = known.includes(one) ? LONG : one > "\u007f" ? LENGTH : SHORT;
    yield one.repeat(Math.min(length, most) / one.length);
  }
  for (const [index, one] of known.entries()) {
    for (const other of known.slice(index + 1)) {
      yield (one + other).repeat(Math.min(LENGTH, most) / 2);
    }
  }
}

/** What a place is given at a time. */
interface Input {
  readonly run: string;
  /** With `$` in the place of each run. */
  readonly text: string;
  readonly limit: number;
}

function inputsFor(parser: TextParser, most: number): Input[] {
  return Array.from(runsFor(parser, most)).flatMap((run) => {
    return parser.texts.map((text) => {
      const length = run.length * (text.split("$").length - 1);
      return { run, text, limit: STEPS_PER_CHARACTER * length + STEPS_AT_FIRST };
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
  { mostAtOnce = Infinity, mostCharacters = LONG } = {},
): Promise<void> {
  const inputs = inputsFor(parser, mostCharacters);
  let atOnce = 1;
  for (let at = 0; at < inputs.length;) {
    const some = inputs.slice(at, at + atOnce);
    const limit = Math.min(...some.map(({ limit }) => limit));
    const steps = await count(() => feed(parser, some), limit);
    if (steps <= limit) {
      at += some.length;
      if (steps <= limit / 2) atOnce = Math.min(2 * atOnce, mostAtOnce);
    } else {
      const { text, run } = some[0]!;
      const about = `${text} with ${JSON.stringify(run.slice(0, 2))}: ${steps} of ${limit} steps`;
      assert.ok(some.length > 1, about);
      atOnce = 1;
    }
  }
}
