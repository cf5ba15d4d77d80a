import assert from "node:assert/strict";
import { found, sorted } from "./search.ts";

const ROWS = [["Live/One", 3], ["live/two", 1], ["vod/one", 3]] as const;
type Row = typeof ROWS[number];
const textOf = ([text]: Row) => text;

Deno.test("a search finds rows that contain all of its words, in upper or lower case", () => {
  assert.equal(found(ROWS, "", textOf), ROWS);
  assert.equal(found(ROWS, "  ", textOf), ROWS);
  assert.deepEqual(found(ROWS, "ONE live", textOf), [ROWS[0]]);
  assert.deepEqual(found(ROWS, "(", textOf), []);
});

Deno.test("rows of the same value keep their order, whichever way they are sorted", () => {
  const byNumber = (isDescending: boolean) => sorted(ROWS, ([, value]) => value, isDescending);
  assert.deepEqual(byNumber(false), [ROWS[1], ROWS[0], ROWS[2]]);
  assert.deepEqual(byNumber(true), [ROWS[0], ROWS[2], ROWS[1]]);
});
