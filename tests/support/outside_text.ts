// What the places that look at texts from outside are fed with, and what may come of it: runs of 64 KB of each
// character, and of pairs of those that mean something there, take steps in proportion to their length.

import assert from "node:assert/strict";
import { ProxyError } from "../../src/core/errors.ts";
import type { TextParser } from "./text_parsers.ts";

const LENGTH = 65_536;
/** The same for what means nothing at that place, and is one of many that are alike. */
const SHORT = 4_096;
/** The most that any place takes now is a quarter of it; what grows with the square takes 30,000. */
const STEPS_PER_CHARACTER = 400;
/** What a place does at once, whatever the text. */
const STEPS_AT_FIRST = 1_000_000;
const EVERY_CHARACTER = [
  ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)),
  ...["\u0080", "\u00a0", "\u00e9", "\u2028", "\u4e2d", "\ud800", "\u{1f600}"],
];
const ORDINARY = "a";

/** The runs for a place: each character, and pairs of those that mean something there. */
function* runsFor({ special }: TextParser): Generator<string> {
  const known = [...new Set([...special, ...ORDINARY])];
  for (const one of EVERY_CHARACTER) {
    const length = known.includes(one) || one > "\u007f" ? LENGTH : SHORT;
    yield one.repeat(length / one.length);
  }
  for (const [index, one] of known.entries()) {
    for (const other of known.slice(index + 1)) yield (one + other).repeat(LENGTH / 2);
  }
}

/** All that a place is given of a run, once each. */
async function feed({ texts, parse }: TextParser, run: string): Promise<void> {
  for (const text of texts) {
    try {
      await parse(text.replaceAll("$", () => run));
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
    }
  }
}

/** Counts the steps of a call; it may be broken off beyond the limit. */
export type Count = (call: () => unknown, limit: number) => Promise<number>;

/** Feeds a place with everything and has the steps counted. */
export async function assertProportional(parser: TextParser, count: Count): Promise<void> {
  const runs = parser.texts.join("").split("$").length - 1;
  for (const run of runsFor(parser)) {
    const limit = STEPS_PER_CHARACTER * run.length * runs + STEPS_AT_FIRST;
    const steps = await count(() => feed(parser, run), limit);
    assert.ok(steps <= limit, `${JSON.stringify(run.slice(0, 2))}: ${steps} of ${limit} steps`);
  }
}
