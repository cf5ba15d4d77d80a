import assert from "node:assert/strict";
import { loadList, MOST_ROWS, type PageSource } from "./list_loader.ts";

const { signal } = new AbortController();
const PLACE = { path: "api/v1/streams", field: "streams", query: "origin=a" };

/** A list of numbers in pages of a thousand. */
function sourceOf(total: number): PageSource & { readonly asked: string[] } {
  const asked: string[] = [];
  const get = (path: string) => {
    asked.push(path);
    const params = new URL(path, "http://h").searchParams;
    const from = Number(params.get("after") ?? 0);
    const to = Math.min(total, from + Number(params.get("limit")));
    const streams = Array.from({ length: to - from }, (_, at) => from + at);
    return Promise.resolve({ streams, total, ...(to < total ? { next: String(to) } : {}) });
  };
  return { asked, get: get as PageSource["get"] };
}

Deno.test("all pages of a list are read and reported one by one", async () => {
  const source = sourceOf(2_500);
  const parts: number[] = [];
  const { rows, total } = await loadList<number>(source, PLACE, signal, (part) => {
    parts.push(part.rows.length);
  });
  assert.deepEqual(rows, Array.from({ length: 2_500 }, (_, at) => at));
  assert.equal(total, 2_500);
  assert.deepEqual(parts, [1_000, 2_000]);
  assert.equal(source.asked[1], "api/v1/streams?origin=a&limit=1000&after=1000");
});

Deno.test("a list is bounded, and shows the total", async () => {
  const { rows, total } = await loadList<number>(sourceOf(34_000), PLACE, signal);
  assert.equal(rows.length, MOST_ROWS);
  assert.equal(total, 34_000);
});
