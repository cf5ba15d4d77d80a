import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { encodeHead, endToEnd, type Fields, findHeadEnd, parseHead } from "./head.ts";
import { GOOD_REQUESTS } from "../../../tests/support/cases/http_request_cases.ts";
import { GOOD_RESPONSES } from "../../../tests/support/cases/http_response_cases.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function fieldsOf(...lines: readonly string[]): Fields {
  return parseHead(bytes(["GET / HTTP/1.1", ...lines, "", ""].join("\r\n"))).fields;
}

/** Returns how many milliseconds it takes to find or refuse a head that arrives byte by byte. */
function dribble(text: string): number {
  const whole = bytes(text);
  const started = performance.now();
  try {
    for (let length = 1; length <= whole.length; length++) findHeadEnd(whole.subarray(0, length));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  return performance.now() - started;
}

Deno.test("a head ends after its first empty line, whatever follows", () => {
  const whole = bytes("A\r\nB: c\r\n\r\nbody\n\r\n\r\n");
  for (let length = 0; length <= whole.length; length++) {
    assert.equal(findHeadEnd(whole.subarray(0, length)), length < 11 ? -1 : 11, `${length} bytes`);
  }
  assert.equal(findHeadEnd(bytes(`A\r\nB: c\r\n\r\n${"x".repeat(70_000)}`)), 11);
});

Deno.test("a line that ends without CR is refused at once, before the head is complete", () => {
  for (const part of ["\n", "A\n", "A\r\n\n", "A\r\nB: c\n", "GET / HTTP/1.1\nHost: a\n\n"]) {
    assert.throws(() => findHeadEnd(bytes(part)), ProtocolError, JSON.stringify(part));
  }
});

Deno.test("bare CR and LF are refused in every line, before it is parsed", () => {
  for (
    const head of ["A\rB\r\n\r\n", "A\nB\r\n\r\n", "A\r\nB: c\rd\r\n\r\n", "A\r\nB: c\nd\r\n\r\n"]
  ) {
    assert.throws(() => parseHead(bytes(head)), ProtocolError, JSON.stringify(head));
  }
});

Deno.test("a head of more than 16 KiB is refused as early as possible", () => {
  assert.equal(findHeadEnd(bytes(`A${"x".repeat(16379)}\r\n\r\n`)), 16384);
  assert.equal(findHeadEnd(bytes("x".repeat(16383))), -1);
  assert.throws(() => findHeadEnd(bytes(`A${"x".repeat(16380)}\r\n\r\n`)), ProtocolError);
  assert.throws(() => findHeadEnd(bytes("x".repeat(16384))), ProtocolError);
  assert.throws(() => parseHead(bytes(`A${"x".repeat(16380)}\r\n\r\n`)), ProtocolError);
});

Deno.test("a head of more than 100 fields is refused as early as possible", () => {
  const most = `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(100)}`;
  assert.equal(findHeadEnd(bytes(most)), -1);
  assert.equal(findHeadEnd(bytes(`${most}\r\n`)), most.length + 2);
  assert.equal([...parseHead(bytes(`${most}\r\n`)).fields].length, 100);
  assert.throws(() => findHeadEnd(bytes(`${most}a: b\r\n`)), ProtocolError);
  assert.throws(() => parseHead(bytes(`${most}a: b\r\n\r\n`)), ProtocolError);
});

Deno.test("a head that arrives byte by byte costs little more than one that arrives whole", () => {
  const slow = [
    "x".repeat(16384),
    "\n".repeat(16384),
    "a:\r\n".repeat(4096),
    `GET / HTTP/1.1\r\n${`a: ${"b".repeat(150)}\r\n`.repeat(100)}`,
  ];
  for (const text of slow) assert.ok(dribble(text) < 1000, JSON.stringify(text.slice(0, 20)));
});

Deno.test("long white space costs no more than other bytes", () => {
  const started = performance.now();
  const white = " \t".repeat(2500);
  for (let round = 0; round < 20; round++) {
    assert.equal(fieldsOf(`A: ${white}x${white}y${white}`).get("a"), `x${white}y`);
  }
  assert.ok(performance.now() - started < 500);
});

Deno.test("fields keep their order and case, and are looked up regardless of case", () => {
  const fields = fieldsOf("Host: a", "x-one:  1 ", "X-One:2", "Empty:", "Tab:\tv\t", "C: a:b");
  assert.deepEqual([...fields], [
    { name: "Host", value: "a" },
    { name: "x-one", value: "1" },
    { name: "X-One", value: "2" },
    { name: "Empty", value: "" },
    { name: "Tab", value: "v" },
    { name: "C", value: "a:b" },
  ]);
  assert.equal(fields.get("X-ONE"), "1");
  assert.deepEqual(fields.all("x-ONE"), ["1", "2"]);
  assert.equal(fields.get("none"), undefined);
});

Deno.test("list members are stripped of spaces and tabs, and of nothing else", () => {
  assert.deepEqual(fieldsOf("C: a, B ,,\tc", "c: D").tokens("c"), ["a", "b", "c", "d"]);
  assert.deepEqual(fieldsOf("C: \xa0a\xa0").tokens("c"), ["\xa0a\xa0"]);
});

Deno.test("every byte of a value is kept unchanged or refused", () => {
  for (let byte = 0; byte < 256; byte++) {
    const head = bytes(`GET / HTTP/1.1\r\nX: a${String.fromCharCode(byte)}b\r\n\r\n`);
    if (byte === 0x7f || (byte < 0x20 && byte !== 9)) {
      assert.throws(() => parseHead(head), ProtocolError, `byte ${byte}`);
      continue;
    }
    const { start, fields } = parseHead(head);
    assert.deepEqual(encodeHead(start, fields), head, `byte ${byte}`);
  }
});

Deno.test("an encoded head parses back to the same", () => {
  const heads = [
    ...Object.values(GOOD_REQUESTS).map(([head]) => head),
    ...Object.values(GOOD_RESPONSES).map(([, head]) => head),
  ];
  for (const text of heads) {
    const head = parseHead(bytes(text));
    const again = parseHead(encodeHead(head.start, head.fields));
    assert.deepEqual([again.start, ...again.fields], [head.start, ...head.fields]);
  }
});

Deno.test("a head that would be read as something else is not encoded", () => {
  for (const odd of ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "a\x7fb", "a\u2028b", "\u{1f3a5}"]) {
    assert.throws(() => encodeHead(odd, []), ProtocolError, JSON.stringify(odd));
    assert.throws(() => encodeHead("A", [{ name: odd, value: "" }]), ProtocolError);
    assert.throws(() => encodeHead("A", [{ name: "A", value: odd }]), ProtocolError);
  }
});

Deno.test("hop-by-hop fields are not passed on", () => {
  const fields = fieldsOf(
    "Host: a",
    "Connection: close, X-Secret,,",
    "connection: x-other",
    "Keep-Alive: 5",
    "Proxy-Authorization: x",
    "Proxy-Authenticate: x",
    "Proxy-Connection: close",
    "TE: trailers",
    "Trailer: X",
    "transfer-encoding: chunked",
    "Upgrade: h2c",
    "X-Secret: 1",
    "X-Other: 2",
    "X-Kept: 3",
  );
  assert.deepEqual(endToEnd(fields).map(({ name }) => name), ["Host", "X-Kept"]);
});
