import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import {
  announcedLength,
  encodeHead,
  endToEnd,
  type Fields,
  findHeadEnd,
  parseHead,
} from "./head.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function fieldsOf(...lines: readonly string[]): Fields {
  return parseHead(bytes(["GET / HTTP/1.1", ...lines, "", ""].join("\r\n"))).fields;
}

Deno.test("a head ends behind its first empty line", () => {
  assert.equal(findHeadEnd(bytes("A\r\nB: c\r\n\r\nbody\r\n\r\n")), 11);
  for (const part of ["", "A", "A\r", "A\r\n", "A\r\nB: c\r\n\r"]) {
    assert.equal(findHeadEnd(bytes(part)), -1, JSON.stringify(part));
  }
});

Deno.test("a head of more than 16 KiB is refused as soon as that shows", () => {
  assert.equal(findHeadEnd(bytes(`A${"x".repeat(16379)}\r\n\r\n`)), 16384);
  assert.throws(() => findHeadEnd(bytes(`A${"x".repeat(16380)}\r\n\r\n`)), ProtocolError);
  assert.throws(() => findHeadEnd(bytes("x".repeat(16384))), ProtocolError);
});

Deno.test("fields keep their order and case, and are looked up in any case", () => {
  const fields = fieldsOf("Host: a", "x-one:  1 ", "X-One:2", "Empty:", "Tab:\tv\t", "L: \xe4");
  assert.deepEqual([...fields], [
    { name: "Host", value: "a" },
    { name: "x-one", value: "1" },
    { name: "X-One", value: "2" },
    { name: "Empty", value: "" },
    { name: "Tab", value: "v" },
    { name: "L", value: "\xe4" },
  ]);
  assert.equal(fields.get("X-ONE"), "1");
  assert.deepEqual(fields.all("x-ONE"), ["1", "2"]);
  assert.equal(fields.get("none"), undefined);
  assert.deepEqual(fieldsOf("C: a, B ,, c", "c: D").tokens("c"), ["a", "b", "c", "d"]);
});

const BROKEN: readonly string[] = [
  "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
  "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n",
  "GET / HTTP/1.1\r\nno colon\r\n\r\n",
  "GET / HTTP/1.1\r\n: no name\r\n\r\n",
  "GET / HTTP/1.1\r\nH(o)st: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
  "GET / HTTP/1.1\nHost: a\r\n\r\n",
  "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n",
  "GET / HTTP/1.1\r\nTransfer-Encoding\x0b: chunked\r\n\r\n",
  `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(101)}\r\n`,
];

for (const head of BROKEN) {
  Deno.test(`a head is refused: ${JSON.stringify(head.slice(0, 60))}`, () => {
    assert.throws(() => parseHead(bytes(head)), ProtocolError);
  });
}

Deno.test("long white space costs no more than other bytes", () => {
  const started = performance.now();
  const white = " \t".repeat(4000);
  for (let round = 0; round < 20; round++) {
    assert.equal(fieldsOf(`A: ${white}x${white}y`).get("a"), `x${white}y`);
  }
  assert.ok(performance.now() - started < 500);
});

Deno.test("what a head says of its own connection goes no further", () => {
  const fields = fieldsOf(
    "Host: a",
    "Connection: close, X-Secret",
    "connection: x-other",
    "Keep-Alive: 5",
    "Proxy-Authorization: x",
    "TE: trailers",
    "Transfer-Encoding: chunked",
    "Upgrade: h2c",
    "X-Secret: 1",
    "X-Other: 2",
    "X-Kept: 3",
  );
  assert.deepEqual(endToEnd(fields).map(({ name }) => name), ["Host", "X-Kept"]);
});

Deno.test("a body's length is said in one way only", () => {
  assert.equal(announcedLength(fieldsOf("Content-Length: 12")), 12);
  assert.equal(announcedLength(fieldsOf("Transfer-Encoding: Chunked")), "chunked");
  assert.equal(announcedLength(fieldsOf("Host: a")), undefined);
  const ambiguous: readonly (readonly string[])[] = [
    ["Content-Length: 1", "Transfer-Encoding: chunked"],
    ["Content-Length: 1", "Content-Length: 1"],
    ["Content-Length: 1, 1"],
    ["Content-Length: +1"],
    ["Content-Length: -1"],
    ["Content-Length: 1 2"],
    ["Content-Length: 0x1"],
    ["Content-Length:"],
    ["Content-Length: 9999999999999999"],
    ["Transfer-Encoding: gzip, chunked"],
    ["Transfer-Encoding: chunked, chunked"],
    ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
    ["Transfer-Encoding: xchunked"],
    ["Transfer-Encoding: chunked;q=1"],
  ];
  for (const lines of ambiguous) {
    assert.throws(() => announcedLength(fieldsOf(...lines)), ProtocolError, lines.join(" | "));
  }
});

Deno.test("a written head is read as it was meant", () => {
  const fields = [{ name: "Host", value: "a" }, { name: "X", value: "\xe4 b" }];
  const head = parseHead(encodeHead("GET / HTTP/1.1", fields));
  assert.equal(head.start, "GET / HTTP/1.1");
  assert.deepEqual([...head.fields], fields);
});
