import assert from "node:assert/strict";
import { parseRoute, routeTo } from "./route.ts";

Deno.test("a route is read back as it was written", () => {
  for (const name of ["", "v/live/a", "v/live/a b?c#d", "vid-1/ü%"]) {
    const hash = routeTo("streams", name, { q: "a&b", origin: "" });
    const { page, name: read, params } = parseRoute(hash);
    assert.deepEqual([page, read, [...params]], ["streams", name, [["q", "a&b"]]], hash);
  }
});

Deno.test("what is no route is the overview, or a page that is not there", () => {
  for (const hash of ["", "#", "#/", "/"]) assert.equal(parseRoute(hash).page, "");
  assert.equal(parseRoute("#/streams/%zz").name, "%zz");
});
