// Headers of the PROXY protocol: what valid ones say, and what is wrong with others.

import type { Address } from "../../../src/core/address.ts";
import { bytesOfText } from "../../../src/core/binary_text.ts";
import { join } from "../rtmp_wire.ts";

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const MAPPED = "\0\0\0\0\0\0\0\0\0\0\xff\xff";
const IPV6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07";

function binaryHeader(
  command: number,
  family: number,
  rest: string,
  length = rest.length,
): Uint8Array<ArrayBuffer> {
  const fixed = Uint8Array.of(command, family, length >> 8, length);
  return join([bytesOfText(SIGNATURE), fixed, bytesOfText(rest)]);
}

const V4 = "\xc0\0\x02\x07\x0a\0\0\x01\xdd\xd5\x07\x8f";
const LONG_TLV = `\xe0\xff\x00${"x".repeat(65_280)}`;

/** Complete headers and the clients that they name. */
export const GOOD_HEADERS: Readonly<Record<string, [Uint8Array, Address | undefined]>> = {
  "TCP4": [
    bytesOfText("PROXY TCP4 192.0.2.7 10.0.0.1 56789 1935\r\n"),
    { host: "192.0.2.7", port: 56789 },
  ],
  "TCP6": [
    bytesOfText("PROXY TCP6 2001:DB8::7 2001:db8::1 0 65535\r\n"),
    { host: "2001:db8::7", port: 0 },
  ],
  "TCP6 with IPv4 in it": [
    bytesOfText("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.1 1 2\r\n"),
    { host: "192.0.2.7", port: 1 },
  ],
  "UNKNOWN alone": [bytesOfText("PROXY UNKNOWN\r\n"), undefined],
  "UNKNOWN with anything": [bytesOfText("PROXY UNKNOWN ffff:: what ever 1 2 3\r\n"), undefined],
  "a line of the greatest length": [bytesOfText(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`), undefined],
  "binary IPv4": [binaryHeader(0x21, 0x11, V4), { host: "192.0.2.7", port: 56789 }],
  "binary IPv6": [
    binaryHeader(0x21, 0x21, `${IPV6}${IPV6}\x01\x02\x03\x04`),
    { host: "2001:db8::7", port: 258 },
  ],
  "binary IPv6 with IPv4 in it": [
    binaryHeader(0x21, 0x21, `${MAPPED}\xc0\0\x02\x07${MAPPED}\x0a\0\0\x01\0\x01\0\x02`),
    { host: "192.0.2.7", port: 1 },
  ],
  "binary with a TLV": [
    binaryHeader(0x21, 0x11, `${V4}\x02\0\x04test`),
    { host: "192.0.2.7", port: 56789 },
  ],
  "binary with a TLV of a wrong length": [
    binaryHeader(0x21, 0x11, `${V4}\x02\xff\xfftest`),
    { host: "192.0.2.7", port: 56789 },
  ],
  "binary of 64 KB": [
    binaryHeader(0x21, 0x11, V4 + LONG_TLV),
    { host: "192.0.2.7", port: 56789 },
  ],
  "LOCAL": [binaryHeader(0x20, 0x00, ""), undefined],
  "LOCAL with an address": [binaryHeader(0x20, 0x11, V4), undefined],
  "unspecified": [binaryHeader(0x21, 0x00, "abc"), undefined],
  "a UNIX stream": [binaryHeader(0x21, 0x31, "/".repeat(216)), undefined],
};

/** Bytes that begin like a header but are invalid. */
export const BROKEN_HEADERS: Readonly<Record<string, Uint8Array>> = {
  "a datagram protocol": bytesOfText("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"),
  "nothing after PROXY": bytesOfText("PROXY \r\n"),
  "IPv6 in TCP4": bytesOfText("PROXY TCP4 ::1 ::1 1 2\r\n"),
  "IPv4 in TCP6": bytesOfText("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"),
  "a name": bytesOfText("PROXY TCP4 localhost 1.2.3.4 1 2\r\n"),
  "octal": bytesOfText("PROXY TCP4 010.2.3.4 1.2.3.4 1 2\r\n"),
  "two spaces": bytesOfText("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"),
  "a port too high": bytesOfText("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n"),
  "a port with a zero before it": bytesOfText("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"),
  "one port missing": bytesOfText("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),
  "one value too many": bytesOfText("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"),
  "no CR": bytesOfText("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"),
  "a line without end": bytesOfText("PROXY UNKNOWN".padEnd(107, "x")),
  "another version": binaryHeader(0x11, 0x11, V4),
  "another command": binaryHeader(0x22, 0x11, V4),
  "datagrams": binaryHeader(0x21, 0x12, V4),
  "another family": binaryHeader(0x21, 0x41, V4),
  "too short for IPv4": binaryHeader(0x21, 0x11, V4.slice(1)),
  "too short for IPv6": binaryHeader(0x21, 0x21, IPV6),
  "a length of zero": binaryHeader(0x21, 0x21, "", 0),
};
