// HTTP heads and bodies of random bytes, and all known cases with random damage: they may cause
// only ProtocolErrors, and splitting them differently must not change what is read.

import assert from "node:assert/strict";
import { textOfBytes } from "../../src/core/binary_text.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { BodyScanner } from "../../src/protocol/http/body_scanner.ts";
import { BROKEN_CHUNKS, CHUNKED_BODIES } from "../support/cases/http_chunked_cases.ts";
import { encodeHead, findHeadEnd, type Head, parseHead } from "../../src/protocol/http/head.ts";
import { understandRequest } from "../../src/protocol/http/request.ts";
import {
  GOOD_REQUESTS,
  REFUSED_REQUESTS,
  TOLERATED_REQUESTS,
} from "../support/cases/http_request_cases.ts";
import { findRequestHead } from "../../src/protocol/http/request_head.ts";
import { understandResponse } from "../../src/protocol/http/response.ts";
import { GOOD_RESPONSES, REFUSED_RESPONSES } from "../support/cases/http_response_cases.ts";
import { corpusOf } from "../support/corpus.ts";
import { forEachSeed } from "../support/fuzzing.ts";
import type { SeededRandom } from "../support/rtmp_wire.ts";

const ROUNDS = 20_000;
const ODD = '\r\n\0 \t:,;=/*%?#@[]\\"0123456789abcdefxHTTP/1.1\x7f\x85\x86\xa0\xff';
const REQUESTS = [
  ...Object.values(GOOD_REQUESTS).map(([head]) => head),
  ...Object.values(TOLERATED_REQUESTS).map(([head]) => head),
  ...Object.values(REFUSED_REQUESTS),
].filter(isShort);
const RESPONSES = [
  ...Object.values(GOOD_RESPONSES).map(([, head]) => head),
  ...Object.values(REFUSED_RESPONSES),
].filter(isShort);
const BODIES = [
  ...Object.values(CHUNKED_BODIES).map(({ wire, behind }) => wire + behind),
  ...Object.values(BROKEN_CHUNKS),
].filter(isShort);

function isShort(text: string): boolean {
  return text.length < 400;
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function pick(random: SeededRandom, texts: readonly string[]): string {
  return texts[random.below(texts.length)]!;
}

/** One of the texts with a few bytes replaced, removed and inserted; occasionally unchanged. */
function damaged(random: SeededRandom, texts: readonly string[]): string {
  let text = pick(random, texts);
  for (let times = random.below(4); times > 0; times--) {
    const at = random.below(text.length + 1);
    const odd = random.below(3) === 0 ? "" : ODD[random.below(ODD.length)]!;
    text = text.slice(0, at) + odd + text.slice(at + random.below(3));
  }
  return text;
}

function noise(random: SeededRandom): string {
  const length = random.below(200);
  let text = "";
  while (text.length < length) text += String.fromCharCode(random.below(256));
  return text;
}

/** What the function returns; undefined if it refuses. */
function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Parses a head; undefined if it is incomplete. @throws ProtocolError */
function headOf(text: string): Head | undefined {
  const bytes = bytesOf(text);
  const end = findHeadEnd(bytes);
  return end < 0 ? undefined : parseHead(bytes.subarray(0, end));
}

/** The same for a request. */
function requestHeadOf(text: string): Head | undefined {
  const bytes = bytesOf(text);
  const found = findRequestHead(bytes);
  return found && parseHead(bytes.subarray(found.start, found.end), found.lineEnd);
}

/** Asserts that a head encoded again is parsed the same, also by less strict readers. */
function assertUnambiguous({ start, fields }: Head): void {
  const written = encodeHead(start, fields);
  const again = parseHead(written.subarray(0, findHeadEnd(written)));
  assert.deepEqual([again.start, ...again.fields], [start, ...fields]);
  const text = String.fromCharCode(...written);
  assert.deepEqual(text.split(/[\r\n\0]+/).length, [...fields].length + 2);
  assert.doesNotMatch(text, /^\s|\n[^\n:]*\s:|\n\s+\S/);
}

/** Checks what must hold for every accepted request. @returns whether it was accepted */
function checkRequest(text: string): boolean {
  const head = tryTo(() => requestHeadOf(text));
  const request = head && tryTo(() => understandRequest(head));
  if (head === undefined || request === undefined) return false;
  assertUnambiguous(head);
  assert.match(request.path, /^(?:\/[\x21-\x7e]*|\*)$/);
  assert.match(request.host, /^[\w.~[\]:-]*$/);
  assert.ok(head.lineEnd === "crlf" || (!request.keepAlive && request.bodyLength === 0));
  const framing = [...head.fields].filter(({ name }) =>
    /^(?:content-length|transfer-encoding)$/i.test(name)
  );
  assert.ok(framing.length <= 1);
  assert.equal(request.bodyLength, framing[0] === undefined ? 0 : bodyLength(framing[0].value));
  return true;
}

for (const { name, bytes } of corpusOf("http")) {
  Deno.test(`HTTP's ${name} is accepted or refused, and never ambiguous`, () => {
    checkRequest(textOfBytes(bytes));
  });
}

Deno.test("damaged requests are accepted or refused, and never ambiguous", () => {
  let understood = 0;
  forEachSeed(ROUNDS, (random) => {
    if (checkRequest(damaged(random, REQUESTS))) understood++;
  });
  assert.ok(understood > ROUNDS / 20, `only ${understood} were understood`);
});

function bodyLength(value: string): number | "chunked" {
  return value.toLowerCase() === "chunked" ? "chunked" : parseInt(value, 10);
}

Deno.test("damaged responses are accepted or refused", () => {
  let understood = 0;
  forEachSeed(ROUNDS, (random) => {
    const text = damaged(random, RESPONSES);
    const head = tryTo(() => headOf(text));
    if (head === undefined) return;
    const response = tryTo(() => understandResponse(head, pick(random, ["GET", "HEAD"])));
    if (response === undefined) return;
    understood++;
    assertUnambiguous(head);
    assert.ok(response.status >= 100 && response.status < 600);
    assert.ok(response.bodyLength !== "until_close" || !response.reusable);
  });
  assert.ok(understood > ROUNDS / 20, `only ${understood} were understood`);
});

Deno.test("a head ends at the same place however it arrives", () => {
  forEachSeed(ROUNDS, (random) => {
    const bytes = bytesOf(damaged(random, [...REQUESTS, ...RESPONSES]));
    for (const find of [findHeadEnd, endOfRequestHead]) {
      const whole = tryTo(() => find(bytes));
      let soFar: number | undefined = -1;
      for (let length = 0; length <= bytes.length && soFar === -1;) {
        soFar = tryTo(() => find(bytes.subarray(0, length)));
        length += 1 + random.below(9);
      }
      soFar = soFar === -1 ? tryTo(() => find(bytes)) : soFar;
      assert.equal(soFar, whole);
    }
  });
});

function endOfRequestHead(bytes: Uint8Array): number {
  return findRequestHead(bytes)?.end ?? -1;
}

Deno.test("noise is not a head", () => {
  forEachSeed(ROUNDS, (random) => {
    const text = random.below(2) === 0 ? noise(random) : `${noise(random)}\r\n\r\n`;
    const asked = tryTo(() => requestHeadOf(text));
    assert.equal(asked && tryTo(() => understandRequest(asked)), undefined);
    const head = tryTo(() => headOf(text));
    assert.equal(head && tryTo(() => understandResponse(head, "GET")), undefined);
  });
});

Deno.test("a damaged body ends at the same place however it is split", () => {
  let ended = 0;
  forEachSeed(ROUNDS, (random) => {
    const text = random.below(8) === 0 ? noise(random) : damaged(random, BODIES);
    const whole = tryTo(() => scan([text]));
    assert.deepEqual(tryTo(() => scan(cut(random, text))), whole);
    assert.deepEqual(whole, readPlainly(text));
    if (whole?.done) ended++;
  });
  assert.ok(ended > ROUNDS / 20, `only ${ended} ended`);
});

Deno.test("a body of random chunks is read as it was written", () => {
  forEachSeed(ROUNDS, (random) => {
    let data = "";
    let wire = "";
    for (let count = random.below(6); count > 0; count--) {
      const piece = `x${noise(random)}`;
      data += piece;
      wire += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    }
    wire += "0\r\n\r\n";
    const scanned = scan(cut(random, wire + noise(random)));
    assert.deepEqual(scanned, { data, taken: wire.length, done: true });
  });
});

function cut(random: SeededRandom, text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const length = 1 + random.below(9);
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

interface Scan {
  readonly data: string;
  readonly taken: number;
  readonly done: boolean;
}

function scan(pieces: readonly string[]): Scan {
  let data = "";
  let taken = 0;
  const scanner = new BodyScanner("chunked", (bytes) => data += String.fromCharCode(...bytes));
  for (const piece of pieces) taken += scanner.push(bytesOf(piece));
  return { data, taken, done: scanner.done };
}

/** The same by a different method: the grammar as a regular expression, on the complete text. */
function readPlainly(text: string): Scan | undefined {
  let data = "";
  for (let at = 0;;) {
    const size = /^([0-9a-f]{1,12})(?:;[\t\x20-\x7e]{0,256})?\r\n/i.exec(text.slice(at));
    if (size === null) return unfinished(text, at, data, SIZE_BEGIN);
    at += size[0].length;
    const length = parseInt(size[1]!, 16);
    if (length === 0) return readTrailers(text, at, data);
    const piece = text.slice(at, at + length);
    data += piece;
    at += piece.length;
    if (!text.startsWith("\r\n", at)) return unfinished(text, at, data, /^\r?$/);
    at += 2;
  }
}

const SIZE_BEGIN = /^(?:|[0-9a-f]{1,12}(?:;[\t\x20-\x7e]{0,256})?\r?)$/i;
const TRAILERS = /^(?:[!#$%&'*+\-.^_`|~0-9a-z]+:[\t\x20-\x7e\x80-\xff]*\r\n){0,32}/i;
const FRAMING = /^(?:content-length|transfer-encoding):/im;

function readTrailers(text: string, at: number, data: string): Scan | undefined {
  const trailers = TRAILERS.exec(text.slice(at))![0];
  if (FRAMING.test(trailers)) return undefined;
  const end = at + trailers.length;
  if (text.startsWith("\r\n", end)) return { data, taken: end + 2, done: true };
  return unfinished(text, end, data, /^[^\n]*$/);
}

/** The result for a text that ends, or becomes invalid, in the middle of a line. */
function unfinished(text: string, at: number, data: string, good: RegExp): Scan | undefined {
  return good.test(text.slice(at)) ? { data, taken: text.length, done: false } : undefined;
}
