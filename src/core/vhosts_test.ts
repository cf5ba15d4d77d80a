import assert from "node:assert/strict";
import { Vhosts } from "./vhosts.ts";

Deno.test("without names every host leads to one stream", () => {
  const vhosts = new Vhosts([]);
  for (const vhost of ["a.example.com", "b.example.com", "__defaultVhost__", "any"]) {
    assert.equal(vhosts.placed(`${vhost}/live/sub/show`), "__defaultVhost__/live/sub/show");
  }
});

Deno.test("hosts that are named have streams of their own", () => {
  const vhosts = new Vhosts(["v.example.com", "*.tv.example.com"]);
  const own = ["v.example.com", "a.tv.example.com", "a.b.tv.example.com"];
  for (const vhost of own) assert.equal(vhosts.placed(`${vhost}/live/s`), `${vhost}/live/s`);
  const others = ["tv.example.com", "xtv.example.com", "w.example.com", "example.com"];
  for (const vhost of others) {
    assert.equal(vhosts.placed(`${vhost}/live/s`), "__defaultVhost__/live/s");
  }
});
