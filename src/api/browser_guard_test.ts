import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import {
  refuseOtherNames,
  refuseOtherSites,
  requireJson,
  requireKnownPage,
} from "./browser_guard.ts";

function request(headers: Record<string, string>, method = "POST"): Request {
  return new Request("http://127.0.0.1:12025/", { method, headers });
}

function statusOf(check: (request: Request) => void, asked: Request): number {
  try {
    check(asked);
    return 200;
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    return error.httpStatus;
  }
}

Deno.test("a page of another site changes nothing", () => {
  const host = "127.0.0.1:12025";
  const foreign: Record<string, string>[] = [
    { host, origin: "http://evil.example" },
    { host, origin: "http://127.0.0.1:8080" },
    { host, origin: "null" },
    { host, origin: "x".repeat(65_536) },
    { origin: `http://${host}` },
    { host, "sec-fetch-site": "cross-site" },
    { host, "sec-fetch-site": "same-site" },
  ];
  for (const headers of foreign) {
    assert.equal(statusOf(refuseOtherSites, request(headers)), 403, JSON.stringify(headers));
    assert.equal(statusOf(refuseOtherSites, request(headers, "DELETE")), 403);
    assert.equal(statusOf(refuseOtherSites, request(headers, "GET")), 200);
  }
});

Deno.test("our own pages, and clients that are not browsers, may", () => {
  const own: Record<string, string>[] = [
    {},
    { host: "srs-proxy.example.com:12025", "user-agent": "SRS/7.0.18(Kai)" },
    { host: "127.0.0.1:12025", origin: "http://127.0.0.1:12025" },
    { host: "Proxy:12025", origin: "http://proxy:12025", "sec-fetch-site": "same-origin" },
    { host: "proxy", origin: "https://proxy", "sec-fetch-site": "none" },
  ];
  for (const headers of own) {
    assert.equal(statusOf(refuseOtherSites, request(headers)), 200, JSON.stringify(headers));
  }
});

Deno.test("a browser that uses another host name is refused, reading or changing", () => {
  const marks: Record<string, string>[] = [
    { origin: "http://rebound.test:12025" },
    { "accept-language": "de" },
    { "sec-fetch-mode": "cors" },
    { referer: "http://rebound.test:12025/" },
  ];
  for (const host of ["rebound.test:12025", "rebound.test", "127.0.0.1.evil.test", "[::1", ""]) {
    for (const mark of marks) {
      assert.equal(statusOf(refuseOtherNames, request({ host, ...mark }, "GET")), 403, host);
      assert.equal(statusOf(refuseOtherNames, request({ host, ...mark })), 403, host);
    }
  }
  const long = { host: `${"a.".repeat(32_768)}test`, ...marks[0] };
  assert.equal(statusOf(refuseOtherNames, request(long)), 403);
});

Deno.test("IP addresses and local names are accepted, and any name from other clients", () => {
  const mark = { "accept-language": "de" };
  for (const host of ["127.0.0.1", "10.0.0.1:12025", "[::1]:12025", "localhost:1", "srs-proxy:1"]) {
    assert.equal(statusOf(refuseOtherNames, request({ host, ...mark })), 200, host);
  }
  assert.equal(statusOf(refuseOtherNames, request({ host: "proxy.example.com:12025" })), 200);
});

Deno.test("JSON is required, in any of its notations", () => {
  for (
    const type of ["application/json", "Application/JSON; charset=utf-8", "application/x+json"]
  ) {
    assert.equal(statusOf(requireJson, request({ "content-type": type })), 200, type);
  }
  const others = ["text/plain", "application/x-www-form-urlencoded", "text/plain;application/json"];
  for (
    const type of [...others, "application/jsonx", "", `application/json;x=${"x".repeat(65_536)}`]
  ) {
    assert.equal(statusOf(requireJson, request({ "content-type": type })), 415, type);
  }
  assert.equal(statusOf(requireJson, request({})), 415);
});

Deno.test("any of the fields that browsers send shows whose page it is", () => {
  const host = "127.0.0.1:12025";
  const sites = ["https://console.example"];
  const known: [Record<string, string>, string | undefined][] = [
    [{ host }, undefined],
    [{ host, "accept-language": "*", "sec-fetch-mode": "cors" }, undefined],
    [{ host, "sec-fetch-site": "same-origin" }, `http://${host}`],
    [{ host, referer: `http://${host}/console/?x#y` }, `http://${host}`],
    [{ host, origin: `http://${host}` }, `http://${host}`],
    [{ host, origin: sites[0]!, "sec-fetch-site": "cross-site" }, sites[0]],
    [{ host, referer: `${sites[0]}/page`, "sec-fetch-site": "cross-site" }, sites[0]],
  ];
  for (const [headers, site] of known) {
    assert.equal(requireKnownPage(request(headers, "GET"), sites), site);
  }
  const unknown: Record<string, string>[] = [
    { host, "accept-language": "en" },
    { host, "sec-fetch-site": "none" },
    { host, "sec-fetch-site": "same-site" },
    { host, referer: "https://evil.example/" },
    { host, referer: `https://evil.example/${sites[0]}/` },
    { host, referer: "x".repeat(9_000) },
    { host, origin: "null", referer: `http://${host}/` },
    { referer: `http://${host}/` },
  ];
  for (const headers of unknown) {
    assert.equal(statusOf((asked) => requireKnownPage(asked, sites), request(headers, "GET")), 403);
  }
});
