// Counts the test cases in reports of `deno test --junit-path`.

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts the test cases of a JUnit report, including test steps; an empty text has none. */
export function countReport(xml: string): TestCount {
  const cases = xml.match(/<testcase\b[^>]*\/>|<testcase\b[\s\S]*?<\/testcase>/g) ?? [];
  const failed = cases.filter((text) => /<(failure|error)\b/.test(text)).length;
  const skipped = cases.filter((text) => /<skipped\b/.test(text)).length;
  return { passed: cases.length - failed - skipped, failed, skipped };
}

export function addCounts(one: TestCount, other: TestCount): TestCount {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

/** The last line of a run: `N passed, N failed`, and how many were skipped if any were. */
export function summaryLine({ passed, failed, skipped }: TestCount): string {
  const others = skipped > 0 ? `, ${skipped} skipped` : "";
  return `${passed} passed, ${failed} failed${others}`;
}
