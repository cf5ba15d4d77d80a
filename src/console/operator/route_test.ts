import assert from "node:assert/strict";
import { parseRoute, routeTo } from "./route.ts";

Deno.test("a route is parsed as it was written", () => {
  for (const name of ["", "v/live/a", "v/live/a b?c#d", "vid-1/ü%"]) {
    const hash = routeTo("streams", name, { q: "a&b", origin: "" });
    const { page, name: read, params } = parseRoute(hash);
    assert.deepEqual([page, read, [...params]], ["streams", name, [["q", "a&b"]]], hash);
  }
});

Deno.test("an invalid route leads to the overview, or to a page that does not exist", () => {
  for (const hash of ["", "#", "#/", "/"]) assert.equal(parseRoute(hash).page, "");
  assert.equal(parseRoute("#/streams/%zz").name, "%zz");
});
