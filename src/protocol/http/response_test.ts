import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { parseHead } from "./head.ts";
import { type HttpResponse, understandResponse } from "./response.ts";

function understand(method: string, ...lines: readonly string[]): HttpResponse {
  const head = parseHead(new TextEncoder().encode([...lines, "", ""].join("\r\n")));
  return understandResponse(head, method);
}

Deno.test("a response tells its status and where its body ends", () => {
  const response = understand("GET", "HTTP/1.1 404 Not Found", "Content-Length: 9");
  assert.equal(response.status, 404);
  assert.equal(response.reason, "Not Found");
  assert.equal(response.bodyLength, 9);
  assert.equal(response.reusable, true);
  assert.equal(understand("GET", "HTTP/1.1 200").reason, "");
});

for (
  const [method, lines, bodyLength, reusable] of [
    ["GET", ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], "chunked", true],
    ["GET", ["HTTP/1.1 200 OK"], "until_close", false],
    ["GET", ["HTTP/1.1 200 OK", "Content-Length: 1", "Connection: Close"], 1, false],
    ["GET", ["HTTP/1.0 200 OK", "Content-Length: 1"], 1, false],
    ["GET", ["HTTP/1.0 200 OK", "Content-Length: 1", "Connection: keep-alive"], 1, true],
    ["HEAD", ["HTTP/1.1 200 OK", "Content-Length: 99"], 0, true],
    ["HEAD", ["HTTP/1.1 200 OK"], 0, true],
    ["GET", ["HTTP/1.1 204 No Content"], 0, true],
    ["GET", ["HTTP/1.1 304 Not Modified", "Content-Length: 99"], 0, true],
    ["GET", ["HTTP/1.1 100 Continue"], 0, true],
  ] as const
) {
  Deno.test(`the body of ${method} ${lines.join(", ")} is ${bodyLength}`, () => {
    const response = understand(method, ...lines);
    assert.equal(response.bodyLength, bodyLength);
    assert.equal(response.reusable, reusable);
  });
}

for (
  const lines of [
    ["HTTP/2 200 OK"],
    ["HTTP/1.1 20 OK"],
    ["HTTP/1.1  200 OK"],
    ["ICY 200 OK"],
    ["<html>"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", "Transfer-Encoding: chunked"],
    ["HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2"],
    ["HTTP/1.1 200 OK", "Transfer-Encoding: gzip"],
  ]
) {
  Deno.test(`no response: ${JSON.stringify(lines)}`, () => {
    assert.throws(() => understand("GET", ...lines), ProtocolError);
  });
}
