import assert from "node:assert/strict";
import { BROKEN_HEADERS, GOOD_HEADERS } from "../../tests/support/cases/proxy_header_cases.ts";
import { bytesOfText } from "../core/binary_text.ts";
import { ProtocolError } from "../core/errors.ts";
import {
  encodeLocal,
  encodeProxyHeader,
  MOST_OF_HEADER,
  parseProxyHeader,
  type ProxyHeader,
} from "./proxy_header.ts";

for (const [name, [bytes, client]] of Object.entries(GOOD_HEADERS)) {
  Deno.test(`a PROXY header is parsed, however much of it has arrived: ${name}`, () => {
    const whole: ProxyHeader = { length: bytes.length, client };
    for (let length = 0; length <= Math.min(bytes.length, MOST_OF_HEADER); length++) {
      const found = parseProxyHeader(bytes.subarray(0, length));
      if (found !== "more") assert.deepEqual(found, whole, `${length} bytes`);
    }
    assert.deepEqual(parseProxyHeader(bytes.subarray(0, MOST_OF_HEADER)), whole);
  });
}

for (const [name, bytes] of Object.entries(BROKEN_HEADERS)) {
  Deno.test(`a malformed PROXY header is refused: ${name}`, () => {
    assert.throws(() => parseProxyHeader(bytes), ProtocolError);
  });
}

Deno.test("the first bytes of clients are told from a PROXY header at the first difference", () => {
  for (const text of ["\x03", "GET / HTTP/1.1", "PROPFIND", "PROXIES", "\r\nGET", "\x16\x03\x01"]) {
    assert.equal(parseProxyHeader(bytesOfText(text)), "none", text);
  }
  for (const text of ["", "P", "PROXY", "PROXY ", "\r\n\r\n\0\r\nQUIT", "\r\n"]) {
    assert.equal(parseProxyHeader(bytesOfText(text)), "more", text);
  }
});

Deno.test("an encoded header is parsed back to the same client", () => {
  const v4 = { host: "192.0.2.7", port: 1234 };
  const v6 = { host: "2001:db8::7", port: 65535 };
  for (const [client, destination, length] of [[v4, v4, 28], [v6, v6, 52], [v4, v6, 52]] as const) {
    const bytes = encodeProxyHeader(client, destination);
    assert.deepEqual(parseProxyHeader(bytes), { length, client });
    assert.equal(bytes.length, length);
  }
  assert.deepEqual(parseProxyHeader(encodeLocal()), { length: 16, client: undefined });
  assert.deepEqual(encodeProxyHeader({ host: "somewhere", port: 1 }, v4), encodeLocal());
});
