// Random and randomly mutated SRT handshakes and StreamIDs: they may cause only ProtocolErrors, and
// what is repeated to an origin must parse the same.

import assert from "node:assert/strict";
import { ProtocolError, ProxyError } from "../../src/core/errors.ts";
import { parseStreamId } from "../../src/core/srt_stream_id.ts";
import {
  concludeWith,
  encodeInduction,
  type Handshake,
  HANDSHAKE_SIZE,
  isCallerInduction,
  isConclusion,
  parseHandshake,
  refuseHandshake,
} from "../../src/protocol/srt/handshake.ts";
import { corpusOf } from "../support/corpus.ts";
import { fuzzTest } from "../support/fuzzing.ts";
import { mutateText, randomText } from "../support/random_text.ts";
import { srtConclusion } from "../support/srt_packets.ts";

const ROUNDS = 100_000;

function read(packet: Uint8Array): Handshake | undefined {
  try {
    return parseHandshake(packet);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** Checks what must hold for every handshake that can be read. */
function checkRepetition(packet: Uint8Array, shake: Handshake): void {
  assert.deepEqual(parseHandshake(concludeWith(packet, 9)), { ...shake, cookie: 9 });
  assert.equal(parseHandshake(encodeInduction(shake.socketId)).socketId, shake.socketId);
  assert.equal(parseHandshake(refuseHandshake(packet, 1400)).type, 2400);
  assert.ok(shake.streamId.length <= 512);
}

for (const { name, bytes } of corpusOf("srt")) {
  Deno.test(`SRT's ${name} is read or refused, however much of it comes`, () => {
    for (let length = 0; length <= bytes.length; length++) {
      const packet = bytes.slice(0, length);
      const shake = read(packet);
      if (shake !== undefined) checkRepetition(packet, shake);
    }
  });
}

fuzzTest("randomly mutated handshakes are read or refused", (next) => {
  const streamId = "#!::h=tv.example,r=live/show,m=publish";
  const extensions = [{ type: 3, data: new Uint8Array(44) }, { type: 7, data: new Uint8Array(8) }];
  const whole = srtConclusion({ socketId: 77, cookie: 5, streamId, extensions });
  let isRead = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const packet = whole.slice(0, next(4) === 0 ? next(whole.length + 1) : whole.length);
    for (let changes = next(6); changes > 0 && packet.length > 0; changes--) {
      packet[next(packet.length)] = next(256);
    }
    const shake = read(packet);
    if (shake === undefined) continue;
    isRead++;
    checkRepetition(packet, shake);
  }
  assert.ok(isRead > ROUNDS / 20, `${isRead} were read`);
  assert.ok(isRead < ROUNDS, `${isRead} were read`);
});

fuzzTest("random bytes are not a handshake", (next) => {
  let isRead = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const packet = Uint8Array.from({ length: next(160) }, () => next(256));
    if (packet.length > 2 && next(2) === 0) packet.set([0x80, 0]);
    const shake = read(packet);
    const isWhole = packet.length >= HANDSHAKE_SIZE && packet[0] === 0x80 && packet[1] === 0;
    assert.equal(shake !== undefined, isWhole);
    // It may parse, but not as anything that would be answered.
    assert.ok(shake === undefined || !(isCallerInduction(shake) || isConclusion(shake)));
    if (isWhole) isRead++;
  }
  assert.ok(isRead > ROUNDS / 10, `${isRead} had the length and the head of one`);
});

fuzzTest("randomly mutated StreamIDs name a stream or are refused", (next) => {
  const telling = ["#!::", ",", "=", "/", "?", "&", "h=", "r=", "m=publish", "vhost=", "..", "%2f"];
  let named = 0;
  for (let round = 0; round < ROUNDS / 5; round++) {
    const text = next(4) === 0
      ? randomText(next, next(80))
      : mutateText(next, telling, "#!::h=tv.example,r=live/show,m=publish,token=x");
    try {
      const { key } = parseStreamId(text);
      assert.match(key.key, /^[^/]+\/.+\/[^/]+$/s, JSON.stringify(text));
      named++;
    } catch (error) {
      assert.ok(error instanceof ProxyError && error.code === "bad_request", JSON.stringify(text));
    }
  }
  assert.ok(named > ROUNDS / 50, `only ${named} named a stream`);
  assert.ok(named < ROUNDS / 5, "none was refused");
});
