// Counts the test cases in reports of `deno test --junit-path`.

const FAILURE = /<(failure|error)\b/;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts the test cases of a JUnit report, including test steps; an empty text has none. */
export function countReport(xml: string): TestCount {
  const cases = testCases(xml);
  const failed = cases.filter(isFailed).length;
  const skipped = cases.filter((text) => /<skipped\b/.test(text)).length;
  return { passed: cases.length - failed - skipped, failed, skipped };
}

/** Lines of an error that are kept: its beginning says what was expected and what was seen. */
const ERROR_LINES = 10;

/** A test case that failed, and the first lines of its error's message. */
export interface FailedCase {
  readonly name: string;
  readonly error: string;
}

/** The test cases of a JUnit report that failed, steps included, in the report's order. */
export function failedCases(xml: string): FailedCase[] {
  return testCases(xml).filter(isFailed).map((text) => ({
    name: `${attribute(text, "classname")} => ${attribute(text, "name")}`,
    error: attribute(text.slice(text.search(FAILURE)), "message", ERROR_LINES),
  }));
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

function testCases(xml: string): string[] {
  return xml.match(/<testcase\b[^>]*\/>|<testcase\b[\s\S]*?<\/testcase>/g) ?? [];
}

function isFailed(testCase: string): boolean {
  return FAILURE.test(testCase);
}

/** The first lines of an attribute's value; empty without it. */
function attribute(xml: string, name: string, lines = 1): string {
  const [, value = ""] = new RegExp(`\\s${name}="([^"]*)"`).exec(xml) ?? [];
  const text = value.replace(/&(#\d+|\w+);/g, (entity, key: string) => {
    if (key.startsWith("#")) return String.fromCodePoint(Number(key.slice(1)));
    return ENTITIES[key] ?? entity;
  });
  return text.split("\n", lines).join("\n").trimEnd();
}
