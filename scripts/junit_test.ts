import assert from "node:assert/strict";
import { addCounts, countReport, failedCases, summaryLine } from "./junit.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="4" failures="1" errors="0" time="0.018">
    <testsuite name="./a_test.ts" tests="4" disabled="1" errors="0" failures="1">
        <testcase name="good" classname="./a_test.ts" time="0.004" line="1" col="6">
        </testcase>
        <testcase name="bad" classname="./a_test.ts" time="0.007" line="2" col="6">
            <failure message="Uncaught Error: x">Error: &lt;testcase&gt; x</failure>
        </testcase>
        <testcase name="left out" classname="./a_test.ts" time="0.000" line="3" col="11">
            <skipped/>
        </testcase>
        <testcase name="good &gt; a step" classname="./a_test.ts" time="0.000" line="1" col="4"/>
    </testsuite>
</testsuites>`;

Deno.test("a report is counted case by case", () => {
  assert.deepEqual(countReport(REPORT), { passed: 2, failed: 1, skipped: 1 });
  assert.deepEqual(countReport(""), { passed: 0, failed: 0, skipped: 0 });
});

Deno.test("the last line tells passed and failed, and skipped only if there are any", () => {
  assert.equal(summaryLine({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
  const sum = addCounts({ passed: 1, failed: 2, skipped: 0 }, { passed: 3, failed: 4, skipped: 5 });
  assert.equal(summaryLine(sum), "4 passed, 6 failed, 5 skipped");
});

Deno.test("what failed is named, with the first line of its error", () => {
  assert.deepEqual(failedCases(REPORT), [{
    name: "./a_test.ts => bad",
    error: "Uncaught Error: x",
  }]);
  const steps = REPORT.replace('name="bad"', 'name="bad &gt; a &quot;step&quot;"')
    .replace("Error: x", `Error: x\nseen: y&#10;${"z&#10;".repeat(20)}`);
  const error = ["Uncaught Error: x", "seen: y", ..."z".repeat(8)].join("\n");
  assert.deepEqual(failedCases(steps), [{ name: './a_test.ts => bad > a "step"', error }]);
  assert.deepEqual(failedCases(""), []);
});
