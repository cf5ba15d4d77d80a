import assert from "node:assert/strict";
import { ProtocolError } from "../../core/errors.ts";
import { BodyScanner } from "./body_scanner.ts";
import type { BodyLength } from "./head.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

interface Scan {
  readonly data: string;
  readonly taken: number;
  readonly done: boolean;
}

function scan(length: BodyLength, pieces: readonly string[]): Scan {
  let data = "";
  let taken = 0;
  const scanner = new BodyScanner(length, (bytes) => data += DECODER.decode(bytes));
  for (const piece of pieces) taken += scanner.push(ENCODER.encode(piece));
  return { data, taken, done: scanner.done };
}

/** Bodies with what stands behind them, and the data in them. */
const GOOD: readonly { wire: string; behind: string; data: string }[] = [
  { wire: "5\r\nhello\r\n0\r\n\r\n", behind: "GET", data: "hello" },
  { wire: "0\r\n\r\n", behind: "0\r\n\r\n", data: "" },
  {
    wire: "A;name=value\r\n0123456789\r\n1 ; a\r\nx\r\n00\r\n\r\n",
    behind: "",
    data: "0123456789x",
  },
  { wire: "2\r\n\r\n\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n", behind: "rest", data: "\r\n" },
];

for (const { wire, behind, data } of GOOD) {
  Deno.test(`a chunked body ends where it should: ${JSON.stringify(wire)}`, () => {
    const whole = wire + behind;
    const expected = { data, taken: wire.length, done: true };
    assert.deepEqual(scan("chunked", [whole]), expected);
    assert.deepEqual(scan("chunked", [...whole]), expected);
    for (let at = 1; at < whole.length; at++) {
      assert.deepEqual(scan("chunked", [whole.slice(0, at), whole.slice(at)]), expected);
    }
    for (let at = 0; at < wire.length; at++) {
      assert.equal(scan("chunked", [wire.slice(0, at)]).done, false, `cut at ${at}`);
    }
  });
}

const BROKEN: readonly string[] = [
  "\r\n",
  "x\r\n",
  "-1\r\n",
  "+1\r\n",
  "0x5\r\nhello\r\n",
  "5_0\r\n",
  " 5\r\nhello\r\n",
  "5 \r\nhello\r\n",
  "5\nhello\n0\n\n",
  "5\rhello\r\n",
  "5\r\rhello",
  "5\r\nhello0\r\n\r\n",
  "5\r\nhello\n0\r\n\r\n",
  "5;a\x00\r\nhello\r\n",
  "5;a\nb\r\nhello\r\n",
  "1000000000000\r\n",
  `5;${"a".repeat(1100)}\r\n`,
  "0\r\n folded: no\r\n\r\n",
  "0\r\nno colon\r\n\r\n",
  `0\r\n${"X-Fill: 0123456789\r\n".repeat(600)}\r\n`,
];

for (const wire of BROKEN) {
  Deno.test(`broken chunks are refused: ${JSON.stringify(wire.slice(0, 40))}`, () => {
    assert.throws(() => scan("chunked", [wire]), ProtocolError);
    assert.throws(() => scan("chunked", [...wire]), ProtocolError);
  });
}

Deno.test("a counted body ends with its last byte", () => {
  assert.deepEqual(scan(5, ["hel", "loGET"]), { data: "hello", taken: 5, done: true });
  assert.deepEqual(scan(5, ["hell"]), { data: "hell", taken: 4, done: false });
  assert.deepEqual(scan(0, ["GET"]), { data: "", taken: 0, done: true });
});

Deno.test("a body until the connection's end has no end of its own", () => {
  const scanner = new BodyScanner("until_close");
  assert.equal(scanner.push(ENCODER.encode("0\r\n\r\n")), 5);
  assert.equal(scanner.done, false);
  assert.equal(scanner.untilClose, true);
  assert.equal(scanner.isBetweenChunks, false);
});

Deno.test("a body can be ended by a last chunk only between two chunks", () => {
  const scanner = new BodyScanner("chunked");
  const between = [..."5\r\nhello\r\n2;x\r\nab\r\n"].map((byte) => {
    const before = scanner.isBetweenChunks;
    scanner.push(ENCODER.encode(byte));
    return before ? byte : ".";
  });
  assert.equal(between.join(""), "5.........2........");
  assert.equal(scanner.isBetweenChunks, true);
  scanner.push(ENCODER.encode("0\r\n\r\n"));
  assert.equal(scanner.isBetweenChunks, false);
});
