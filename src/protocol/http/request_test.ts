import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { parseHead } from "./head.ts";
import { type HttpRequest, understandRequest } from "./request.ts";

function understand(...lines: readonly string[]): HttpRequest {
  return understandRequest(parseHead(new TextEncoder().encode([...lines, "", ""].join("\r\n"))));
}

Deno.test("a request is taken apart as it was sent", () => {
  const request = understand("GET /live/a%20b.flv?token=x?y HTTP/1.1", "Host: tv.example:8080");
  assert.equal(request.method, "GET");
  assert.equal(request.path, "/live/a%20b.flv");
  assert.equal(request.query, "token=x?y");
  assert.equal(request.host, "tv.example:8080");
  assert.equal(request.bodyLength, 0);
  assert.equal(request.keepAlive, true);
});

Deno.test("an absolute target wins over Host", () => {
  const request = understand("GET http://one.example:80/a?b HTTP/1.1", "Host: two.example");
  assert.deepEqual([request.host, request.path, request.query], ["one.example:80", "/a", "b"]);
  assert.equal(understand("GET http://one.example HTTP/1.1", "Host: x").path, "/");
});

Deno.test("who wants to go on is told by version and Connection", () => {
  const keeps = (version: string, ...lines: string[]) =>
    understand(`GET / HTTP/${version}`, "Host: a", ...lines).keepAlive;
  assert.equal(keeps("1.1"), true);
  assert.equal(keeps("1.1", "Connection: Close"), false);
  assert.equal(keeps("1.0"), false);
  assert.equal(keeps("1.0", "Connection: keep-alive"), true);
});

Deno.test("HTTP/1.0 needs no Host, OPTIONS needs no path", () => {
  assert.equal(understand("GET /a HTTP/1.0").host, "");
  assert.equal(understand("OPTIONS * HTTP/1.1", "Host: a").path, "*");
});

const REFUSED: readonly (readonly string[])[] = [
  ["GET / HTTP/1.1"],
  ["GET / HTTP/1.1", "Host: a", "Host: b"],
  ["GET / HTTP/1.1", "Host: a", "Host: a"],
  ["GET / HTTP/2.0", "Host: a"],
  ["GET / HTTP/1.2", "Host: a"],
  ["GET / http/1.1", "Host: a"],
  ["GET  / HTTP/1.1", "Host: a"],
  ["GET /  HTTP/1.1", "Host: a"],
  ["GET\t/ HTTP/1.1", "Host: a"],
  ["GET /a b HTTP/1.1", "Host: a"],
  [" GET / HTTP/1.1", "Host: a"],
  ["get / HTTP/1.1", "Host: a"],
  ["GET", "Host: a"],
  ["GET /", "Host: a"],
  ["GET * HTTP/1.1", "Host: a"],
  ["GET live/a HTTP/1.1", "Host: a"],
  ["GET /a#b HTTP/1.1", "Host: a"],
  ["GET ftp://a/b HTTP/1.1", "Host: a"],
  ["GET /\xff HTTP/1.1", "Host: a"],
  ["CONNECT a:1 HTTP/1.1", "Host: a"],
  ["GET / HTTP/1.1", "Host: a/b"],
  ["GET / HTTP/1.1", "Host: a b"],
  ["GET / HTTP/1.1", "Host: user@a"],
  ["GET / HTTP/1.1", "Host: a:b"],
  ["GET / HTTP/1.1", "Host: a:999999"],
  ["GET / HTTP/1.1", "Host: [::1"],
  ["GET http://user@a/ HTTP/1.1", "Host: a"],
  ["GET / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked"],
  ["GET / HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding: chunked"],
  ["GET / HTTP/1.1", "Host: a", "Content-Length: 5", "Content-Length: 6"],
];

for (const lines of REFUSED) {
  Deno.test(`a request is refused: ${JSON.stringify(lines)}`, () => {
    assert.throws(() => understand(...lines), ProtocolError);
  });
}
