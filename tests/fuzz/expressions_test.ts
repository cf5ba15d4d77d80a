// Every regular expression of the program takes steps in proportion to the text, whatever the text:
// for 64 KB of dots, `/\.+$/` would take two billion. Steps are counted by the tests' own engine,
// so that the machine's load cannot make a test fail or pass.

import assert from "node:assert/strict";
import { CountingExpression, TooManySteps } from "../support/counting_expression.ts";
import { hardTexts } from "../support/hard_texts.ts";
import { expressionsInSources } from "../support/source_expressions.ts";

/** Length of a run in characters. Quadratic behaviour takes a million steps for it. */
const LENGTH = 1_500;
const STEPS_PER_CHARACTER = 40;

/**
 * Steps per character for the worst text of an expression; the search stops when there are too
 * many.
 */
function worstOf(source: string, flags: string, limit = STEPS_PER_CHARACTER): number {
  const expression = new CountingExpression(source, flags);
  const isSticky = flags.includes("y");
  let worst = 0;
  for (const text of hardTexts(expression.tree, { length: LENGTH })) {
    try {
      const { steps, match } = expression.search(text, 0, isSticky, limit * text.length);
      worst = Math.max(worst, steps / text.length);
      assertSameAs(new RegExp(source, flags), text, match);
    } catch (error) {
      if (!(error instanceof TooManySteps)) throw error;
      return Infinity;
    }
  }
  return worst;
}

function assertSameAs(
  native: RegExp,
  text: string,
  match: { start: number; end: number } | undefined,
): void {
  const found = native.exec(text);
  const end = found === null ? undefined : found.index + found[0].length;
  if (match?.start === found?.index && match?.end === end) return;
  const expected = found === null ? undefined : {
    start: found.index,
    end: found.index + found[0].length,
  };
  assert.deepEqual(match, expected, `${native} on ${JSON.stringify(text.slice(0, 20))}`);
}

Deno.test("every expression of the sources takes steps in proportion to the text", () => {
  const { expressions, makers } = expressionsInSources();
  assert.ok(expressions.length > 100, "the sources were read");
  // Those for path templates match one short name each, with one variable in it.
  const unknown = makers.filter((path) => path !== "src/core/path_template.ts");
  assert.deepEqual(unknown, [], "an expression built from a text cannot be checked here");
  const slow = expressions.filter(({ source, flags }) => worstOf(source, flags) === Infinity);
  assert.deepEqual(slow.map(({ path, source }) => `${path} /${source}/`), []);
});

Deno.test("expressions whose steps grow faster than the text are found", () => {
  const slow = [
    /\.+$/,
    /^Bearer +(\S.*?) *$/i,
    /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i,
    /[ \t]+$/,
    /(^|\s+)#.*$/,
    /^[\x21-\x7e]+:[\x21-\x7e]+$/,
    /a.*b.*c/,
    /^(?:a+)+$/,
    /^(?:a|a)*$/,
    /^(?:[^"\\]|\\.)*"x|"(?:[^"\\]|\\.)*"/,
    /\s*,\s*x/,
    /abc[^d]*$/u,
  ];
  for (const { source, flags } of slow) {
    assert.equal(worstOf(source, flags), Infinity, source);
  }
});
