import assert from "node:assert/strict";
import { placeOf, rewriteLink } from "./link.ts";
import {
  REWRITTEN_LINKS,
  TARGET,
  UNTOUCHED_LINKS,
  withParameter,
} from "../../../tests/support/cases/hls_link_cases.ts";

Deno.test("links to the origin are rewritten to lead through the proxy and name the origin", () => {
  for (const [link, rewritten] of REWRITTEN_LINKS) {
    assert.equal(rewriteLink(link, TARGET), withParameter(rewritten), link);
  }
});

Deno.test("links that lead elsewhere are unchanged", () => {
  for (const link of UNTOUCHED_LINKS) assert.equal(rewriteLink(link, TARGET), link);
});

Deno.test("rewriting a link again changes nothing", () => {
  for (const [link] of REWRITTEN_LINKS) {
    const once = rewriteLink(link, TARGET);
    assert.equal(rewriteLink(once, TARGET), once);
  }
});

Deno.test("without a value only the origin's address is removed", () => {
  const target = { ...TARGET, spbhid: undefined };
  assert.equal(rewriteLink("http://10.0.0.5:8080/live/a.m3u8?a=b", target), "/live/a.m3u8?a=b");
  assert.equal(rewriteLink("http://10.0.0.5:8080", target), "/");
  assert.equal(rewriteLink("a.ts?spbhid=kept", target), "a.ts?spbhid=kept");
  assert.equal(rewriteLink("a.ts?", target), "a.ts?");
});

Deno.test("no rewritten link leads to a host other than the proxy", () => {
  for (const [link] of REWRITTEN_LINKS) {
    const resolved = new URL(rewriteLink(link, TARGET), "http://demo.com:18080/live/show.m3u8");
    assert.equal(resolved.host, "demo.com:18080", link);
  }
});

Deno.test("a default port and a missing port are the same Host", () => {
  const target = { ...TARGET, clientHost: "demo.com" };
  const link = "https://demo.com:443/live/show.ts";
  assert.equal(rewriteLink(link, target), withParameter(`${link}?@@`));
  assert.equal(placeOf("http://demo.com:8080/live/show.ts", target), "elsewhere");
});

Deno.test("a host name is never taken for an address of the origin", () => {
  const target = { ...TARGET, originAddresses: [{ host: "not-an-ip", port: 80 }] };
  assert.equal(placeOf("http://also-none/x", target), "elsewhere");
  assert.equal(placeOf("http://not-an-ip/x", target), "elsewhere");
});

Deno.test("the place of a link is found despite surrounding white space", () => {
  assert.equal(placeOf(" show.ts\n", TARGET), "relative");
  assert.equal(placeOf("\thttp://10.0.0.5:8080/x ", TARGET), "origin");
  assert.equal(placeOf(" http://demo.com:18080/x", TARGET), "client");
  assert.equal(placeOf(" http://cdn.example/x", TARGET), "elsewhere");
});
