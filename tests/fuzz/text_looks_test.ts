// Examining a text from outside takes steps of regular expressions and built-in functions in
// proportion to its length. Counted, not timed: see step_counter.ts.

import assert from "node:assert/strict";
import { assertProportional, type Count } from "../support/outside_text.ts";
import { expressionsInSources } from "../support/source_expressions.ts";
import { StepCounter } from "../support/step_counter.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { SESSION_PARSERS } from "../support/session_parsers.ts";
import { ORIGIN_TEXT_PARSERS } from "../support/origin_text_parsers.ts";
import { TEXT_PARSERS } from "../support/text_parsers.ts";
import { webParsers } from "../support/web_parsers.ts";

/**
 * Expressions for the operator's or our own texts, or that run in a browser: strangers cannot reach
 * them.
 */
const NOT_OUTSIDE = [
  ...["src/config/", "src/app/", "src/process/", "src/core/version.ts", "src/core/duration.ts"],
  ...["src/core/path_template.ts", "src/net/sd_notify.ts", "src/net/close_errors.ts"],
  ...["src/protocol/rtmp/digest_handshake.ts", "src/relay/udp/figures.ts"],
  ...["src/console/pages/", "src/console/operator/"],
];
/**
 * Private to code that needs an origin: each examines a path or name once, which the limit on heads
 * keeps short.
 */
const JUDGED_ALONE = ["src/relay/http/origin_files.ts", "src/relay/http/http_relay.ts"];

Deno.test("examining a text from outside takes steps in proportion to its length", async (t) => {
  await using folder = new TempFolder();
  using counter = new StepCounter();
  await t.step("too many steps are found even if the error is caught", async () => {
    const ignore = (call: () => unknown) => {
      try {
        call();
      } catch {
        // As some code does.
      }
    };
    const dots = `${".".repeat(65_536)}a`;
    assert.equal(await counter.count(() => ignore(() => /\.+$/.test(dots)), 1e7), Infinity);
    assert.ok(await counter.count(() => dots.indexOf("a"), 1e7) > 65_000);
  });
  await t.step("quadratic behaviour on a pair of characters is found", async () => {
    const parser = {
      ...{ name: "an expression", special: "ab", texts: ["$!"] },
      parse: (text: string) => void /(?:ab)+$/.test(text),
    };
    const counting: Count = (call, limit) => counter.count(call, limit);
    await assert.rejects(
      assertProportional(parser, counting, { mostAtOnce: 1 }),
      /"ab": \w+ steps/,
    );
  });
  for (
    const parser of [
      ...TEXT_PARSERS,
      ...SESSION_PARSERS,
      ...ORIGIN_TEXT_PARSERS,
      ...await webParsers(folder.path),
    ]
  ) {
    await t.step(parser.name, () => {
      return assertProportional(parser, (call, limit) => counter.count(call, limit), {
        mostAtOnce: 1,
      });
    });
  }
  await t.step("every expression for such texts was used", () => {
    const elsewhere = [...NOT_OUTSIDE, ...JUDGED_ALONE];
    const unused = expressionsInSources().expressions
      .filter(({ path }) => !elsewhere.some((begin) => path.startsWith(begin)))
      .filter((expression) => !counter.hasRun(expression));
    assert.deepEqual(unused.map(({ path, source }) => `${path} /${source}/`), []);
  });
});
