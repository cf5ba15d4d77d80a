// Counts what `deno test --junit-path` reports. Knows nothing of what was tested.

/** What a run of tests came to. */
export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts the test cases of a JUnit report, steps of tests included; an empty text holds none. */
export function countReport(xml: string): TestCount {
  const cases = xml.match(/<testcase\b[^>]*\/>|<testcase\b[\s\S]*?<\/testcase>/g) ?? [];
  const failed = cases.filter((text) => /<(failure|error)\b/.test(text)).length;
  const skipped = cases.filter((text) => /<skipped\b/.test(text)).length;
  return { passed: cases.length - failed - skipped, failed, skipped };
}

/** Both counts together. */
export function addCounts(one: TestCount, other: TestCount): TestCount {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

/** The line that ends a run: `N passed, N failed`, and how many were skipped if any was. */
export function summaryLine({ passed, failed, skipped }: TestCount): string {
  const others = skipped > 0 ? `, ${skipped} skipped` : "";
  return `${passed} passed, ${failed} failed${others}`;
}
