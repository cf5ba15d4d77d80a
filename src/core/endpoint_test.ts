import assert from "node:assert/strict";
import {
  type Endpoint,
  formatAddress,
  type ListenAddress,
  normalizeIp,
  parseEndpoint,
  parseListenAddress,
} from "./endpoint.ts";
import { ProxyError } from "./errors.ts";

function isBadRequest(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "bad_request";
}

Deno.test("every form of a listen address is understood", () => {
  const cases: [string, ListenAddress][] = [
    ["1935", { port: 1935 }],
    [":1935", { port: 1935 }],
    ["0", { port: 0 }],
    ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }],
    ["0.0.0.0:11935", { host: "0.0.0.0", port: 11935 }],
    ["[::]:65535", { host: "::", port: 65535 }],
    ["[2001:DB8::1]:80", { host: "2001:db8::1", port: 80 }],
    ["localhost:12025", { host: "127.0.0.1", port: 12025 }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseListenAddress(text), expected);
});

Deno.test("an invalid listen address is refused and quoted", () => {
  const cases = ["", "x", "-1", "65536", "1935x", "host:80", "::1:80", "[1.2.3.4]:80", "1.2.3:80"];
  for (const text of [...cases, "1.2.3.4", "[::1]", "tcp://1935", " 80", "1.2.3.4:", "[]:80"]) {
    assert.throws(() => parseListenAddress(text), isBadRequest, text);
  }
});

Deno.test("every form of an endpoint is understood", () => {
  const cases: [string, Endpoint][] = [
    ["19351", { port: 19351 }],
    ["127.0.0.1:1935", { host: "127.0.0.1", port: 1935 }],
    ["[::]:1935", { host: "::", port: 1935 }],
    ["udp://0.0.0.0:10081", { protocol: "udp", host: "0.0.0.0", port: 10081 }],
    ["tcp://:8000", { protocol: "tcp", port: 8000 }],
    ["UDP://8000", { protocol: "udp", port: 8000 }],
    ["tcp://[::1]:8000", { protocol: "tcp", host: "::1", port: 8000 }],
    ["[::ffff:10.0.0.1]:80", { host: "10.0.0.1", port: 80 }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseEndpoint(text), expected);
});

Deno.test("an invalid endpoint is refused", () => {
  const cases = ["", "0", "70000", "udp://", "udp://host:80", "://80", "1.2.3.4", "udp:80"];
  for (const text of [...cases, "localhost:1935", "tcp://1.2.3.4:80/", "1935\n"]) {
    assert.throws(() => parseEndpoint(text), isBadRequest, JSON.stringify(text));
  }
});

Deno.test("an IP address has one canonical text and a host name has none", () => {
  assert.equal(normalizeIp("::ffff:127.0.0.1"), "127.0.0.1");
  assert.equal(normalizeIp("::FFFF:7f00:1"), "127.0.0.1");
  assert.equal(normalizeIp("2001:DB8::0"), "2001:db8::");
  assert.equal(normalizeIp("example.com"), undefined);
});

Deno.test("an address is formatted so that it can be parsed again", () => {
  for (const text of ["10.0.0.1:80", "[2001:db8::1]:1935"]) {
    const { host = "", port } = parseEndpoint(text);
    assert.equal(formatAddress({ host, port }), text);
  }
});
