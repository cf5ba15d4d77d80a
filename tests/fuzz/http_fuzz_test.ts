// HTTP heads and bodies made of random bytes and of good ones with random damage: nothing but a
// ProtocolError may come of them. A failure names its seed.

import assert from "node:assert/strict";
import { ProtocolError } from "../../src/core/errors.ts";
import { BodyScanner } from "../../src/protocol/http/body_scanner.ts";
import { findHeadEnd, type Head, parseHead } from "../../src/protocol/http/head.ts";
import { understandRequest } from "../../src/protocol/http/request.ts";
import { understandResponse } from "../../src/protocol/http/response.ts";
import { SeededRandom } from "../support/rtmp_wire.ts";

const ROUNDS = 20_000;
const ENCODER = new TextEncoder();
const REQUEST = ENCODER.encode(
  "GET /live/show.flv?token=a%20b HTTP/1.1\r\nHost: tv.example:8080\r\nConnection: a, b\r\n\r\n",
);
const RESPONSE = ENCODER.encode(
  "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nTransfer-Encoding: chunked\r\n\r\n",
);
const BODY = ENCODER.encode("5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 1\r\n\r\n");
const ODD = ENCODER.encode("\r\n\0 \t:,;=/*%?#@[]0123456789abcdefxHTTP/1.1\x7f\xff");

/** Replaces, removes and repeats a few bytes. */
function damage(random: SeededRandom, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = [...bytes];
  for (let times = random.below(4); times >= 0; times--) {
    const at = random.below(out.length);
    const odd = ODD[random.below(ODD.length)]!;
    const insert = random.below(3) === 0 ? [] : [odd];
    out.splice(at, random.below(3), ...insert);
  }
  return Uint8Array.from(out);
}

function noise(random: SeededRandom): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: random.below(200) }, () => random.below(256));
}

function forEachSeed(run: (random: SeededRandom) => void): void {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    try {
      run(new SeededRandom(seed));
    } catch (cause) {
      if (cause instanceof ProtocolError) continue;
      throw new Error(`Seed ${seed} fails: ${cause}`, { cause });
    }
  }
}

function headOf(bytes: Uint8Array): Head | undefined {
  const end = findHeadEnd(bytes);
  return end < 0 ? undefined : parseHead(bytes.subarray(0, end));
}

Deno.test("damaged requests are understood or refused, and never in two ways", () => {
  let understood = 0;
  forEachSeed((random) => {
    const head = headOf(damage(random, REQUEST));
    if (head === undefined) return;
    const request = understandRequest(head);
    understood++;
    assert.match(request.path, /^(?:\/[\x21-\x7e]*|\*)$/);
    assert.doesNotMatch(request.host, /[\s/@\\]/);
    for (const { name, value } of request.fields) {
      assert.doesNotMatch(name + value, /[\r\n\0]/);
    }
  });
  assert.ok(understood > ROUNDS / 10);
});

Deno.test("damaged responses are understood or refused", () => {
  forEachSeed((random) => {
    const head = headOf(damage(random, RESPONSE));
    if (head !== undefined) understandResponse(head, "GET");
  });
});

Deno.test("noise is no head", () => {
  forEachSeed((random) => {
    const head = headOf(noise(random));
    if (head !== undefined) understandRequest(head);
  });
});

Deno.test("a damaged body ends at the same place however it is cut", () => {
  forEachSeed((random) => {
    const bytes = random.below(4) === 0 ? noise(random) : damage(random, BODY);
    const whole = outcome([bytes]);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = 1 + random.below(9);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    assert.deepEqual(outcome(pieces), whole);
  });
});

function outcome(pieces: readonly Uint8Array[]): unknown {
  const data: number[] = [];
  const scanner = new BodyScanner("chunked", (bytes) => data.push(...bytes));
  let taken = 0;
  try {
    for (const piece of pieces) taken += scanner.push(piece);
  } catch (error) {
    if (error instanceof ProtocolError) return "refused";
    throw error;
  }
  return { data, taken, done: scanner.done };
}
