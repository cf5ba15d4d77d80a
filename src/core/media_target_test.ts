import assert from "node:assert/strict";
import { ProxyError } from "./errors.ts";
import { parseMediaTarget } from "./media_target.ts";

Deno.test("addresses and names are parsed with and without a port", () => {
  const cases: [text: string, host: string, port?: number][] = [
    ["203.0.113.7", "203.0.113.7"],
    ["203.0.113.7:18000", "203.0.113.7", 18000],
    ["2001:DB8::7", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["[2001:db8::7]:443", "2001:db8::7", 443],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["media.Example.com", "media.example.com"],
    ["media-1.example.com:1", "media-1.example.com", 1],
    ["localhost", "localhost"],
  ];
  for (const [text, host, port] of cases) {
    assert.deepEqual(parseMediaTarget(text), port === undefined ? { host } : { host, port });
  }
});

Deno.test("an invalid address is reported", () => {
  const texts = [
    ...[
      "",
      " ",
      ":80",
      "a b",
      "a..b",
      "-a",
      "a-",
      "a.example.",
      "1.2.3",
      "1.2.3.4.5",
    ],
    ...["1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:x", "[1.2.3.4]:80", "[::1", "::1]:80"],
    ...["256.1.1.1", "http://a", "a/b", "a\r\nb", "a%0d", "ä.example", `${"a".repeat(254)}`],
  ];
  for (const text of texts) {
    assert.throws(() => parseMediaTarget(text), ProxyError, text);
  }
});
