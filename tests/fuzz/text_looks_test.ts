// What a text from outside costs where the program looks at it, in steps of regular expressions and of built-in
// functions: in proportion to its length. Counted, not timed: see step_counter.ts.

import assert from "node:assert/strict";
import { assertProportional } from "../support/outside_text.ts";
import { StepCounter } from "../support/step_counter.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { SESSION_PARSERS } from "../support/session_parsers.ts";
import { TEXT_PARSERS } from "../support/text_parsers.ts";
import { webParsers } from "../support/web_parsers.ts";

Deno.test("looks at a text from outside are in proportion to its length", async (t) => {
  await using folder = new TempFolder();
  using counter = new StepCounter();
  await t.step("too many are found, whoever catches the error", async () => {
    const ignore = (call: () => unknown) => {
      try {
        call();
      } catch {
        // As some do.
      }
    };
    const dots = `${".".repeat(65_536)}a`;
    assert.equal(await counter.count(() => ignore(() => /\.+$/.test(dots)), 1e7), Infinity);
    assert.ok(await counter.count(() => dots.indexOf("a"), 1e7) > 65_000);
  });
  for (const parser of [...TEXT_PARSERS, ...SESSION_PARSERS, ...await webParsers(folder.path)]) {
    await t.step(parser.name, () => {
      return assertProportional(parser, (call, limit) => counter.count(call, limit));
    });
  }
});
