// Examining a text from outside executes blocks of code, above all loops, in proportion to its
// length. Counted, not timed: see block_counter.ts.

import assert from "node:assert/strict";
import { BlockCounter } from "../support/block_counter.ts";
import { assertProportional } from "../support/outside_text.ts";
import { TempFolder } from "../support/temp_folder.ts";

Deno.test("loops over a text from outside take time in proportion to its length", async (t) => {
  await using folder = new TempFolder();
  await using counter = await BlockCounter.open();
  // Only code compiled from now on is counted.
  const { trimEndOf } = await import("../../src/core/margins.ts");
  await t.step("each round of a loop is counted", async () => {
    await counter.count(() => {});
    const steps = await counter.count(() => trimEndOf(".".repeat(10_000), "."));
    assert.ok(steps > 10_000 && steps < 30_000, `${steps} steps for 10,000 characters`);
  });
  const { TEXT_PARSERS } = await import("../support/text_parsers.ts");
  const { SESSION_PARSERS } = await import("../support/session_parsers.ts");
  const { ORIGIN_TEXT_PARSERS } = await import("../support/origin_text_parsers.ts");
  const { webParsers } = await import("../support/web_parsers.ts");
  for (
    const parser of [
      ...TEXT_PARSERS,
      ...SESSION_PARSERS,
      ...ORIGIN_TEXT_PARSERS,
      ...await webParsers(folder.path),
    ]
  ) {
    await t.step(parser.name, () => {
      return assertProportional(parser, (call) => counter.count(call));
    });
  }
});
