import assert from "node:assert/strict";
import { parseByteRange } from "./byte_range.ts";

Deno.test("one range is cut to the size, everything else means the whole file", () => {
  const outside = "unsatisfiable";
  const cases: readonly (readonly [string, number, ReturnType<typeof parseByteRange>])[] = [
    ["bytes=0-0", 10, { start: 0, end: 1 }],
    ["bytes=2-5", 10, { start: 2, end: 6 }],
    ["bytes=2-", 10, { start: 2, end: 10 }],
    ["bytes=2-99", 10, { start: 2, end: 10 }],
    ["bytes=-3", 10, { start: 7, end: 10 }],
    ["bytes=-99", 10, { start: 0, end: 10 }],
    ["Bytes = 2 - 5 ", 10, { start: 2, end: 6 }],
    [`bytes=0-${"9".repeat(400)}`, 10, { start: 0, end: 10 }],
    [`bytes=-${"9".repeat(400)}`, 10, { start: 0, end: 10 }],
    ["bytes=10-", 10, outside],
    ["bytes=10-12", 10, outside],
    [`bytes=${"9".repeat(400)}-`, 10, outside],
    ["bytes=-0", 10, outside],
    ["bytes=0-", 0, outside],
    ["bytes=-5", 0, outside],
    ["bytes=5-2", 10, undefined],
    ["bytes=-", 10, undefined],
    ["bytes=0-1,3-4", 10, undefined],
    ["bytes=a-b", 10, undefined],
    ["bytes=1.5-2", 10, undefined],
    ["bytes=--5", 10, undefined],
    ["items=0-1", 10, undefined],
    ["", 10, undefined],
  ];
  for (const [header, size, range] of cases) {
    assert.deepEqual(parseByteRange(header, size), range, header.slice(0, 40));
  }
});
