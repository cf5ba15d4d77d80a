// Complete RTMP conversations split everywhere, randomly damaged and replaced by noise. They may
// cause only ProtocolErrors, in bounded time and memory.

import assert from "node:assert/strict";
import { ByteReader } from "../../src/core/byte_reader.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { readAmf0Values } from "../../src/protocol/rtmp/amf0.ts";
import { MAX_STREAMS_COST, STREAM_COST } from "../../src/protocol/rtmp/chunk_scanner.ts";
import { ClientConversation } from "../../src/protocol/rtmp/client_conversation.ts";
import { MAX_CONVERSATION } from "../../src/protocol/rtmp/message_assembler.ts";
import { MessageWriter } from "../../src/protocol/rtmp/message_writer.ts";
import { AMF0_CASES, BROKEN_AMF0_CASES } from "../support/cases/rtmp_amf0_cases.ts";
import { BROKEN_CASES, CHUNK_CASES } from "../support/cases/rtmp_cases.ts";
import { corpusOf } from "../support/corpus.ts";
import { forEachSeed } from "../support/fuzzing.ts";
import { fullPlayAnswers, publishAnswers, RECORDINGS } from "../support/rtmp_recordings.ts";
import { filler, join, type SeededRandom } from "../support/rtmp_wire.ts";
import { Wiring } from "../support/rtmp_wiring.ts";

const ROUNDS = 300;
/** Far more than any input takes; only an endless loop takes longer. */
const PATIENCE = 60_000;
/** Most bytes that the proxy adds by itself. */
const PROXYS_OWN_WORDS = 65536;

/** Feeds both sides piece by piece. @returns whether the bytes were accepted */
function survives(
  clientPieces: readonly Uint8Array[],
  originPieces: readonly Uint8Array[],
): boolean {
  const wiring = new Wiring();
  const total = [...clientPieces, ...originPieces].reduce((sum, { length }) => sum + length, 0);
  try {
    for (const piece of clientPieces) wiring.fromClient(piece);
    for (const piece of originPieces) {
      // An origin sends only after the client's wish.
      if (wiring.origins > 0) wiring.fromOrigin(piece);
    }
    return true;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return false;
  } finally {
    assertBounded(wiring, total);
  }
}

function assertBounded(wiring: Wiring, total: number): void {
  let kept = wiring.client.said.reduce((sum, { message }) => sum + message.body.length, 0);
  kept += wiring.client.assembler.bodies.allocated;
  assert.ok(kept <= MAX_CONVERSATION, `the conversation keeps ${kept} bytes`);
  assert.ok([...wiring.client.scanner.streams()].length * STREAM_COST <= MAX_STREAMS_COST);
  assert.ok((wiring.up?.collectedBytes ?? 0) <= MAX_CONVERSATION);
  const told = wiring.bytesTold;
  // Chunks of one byte may each grow by a header.
  assert.ok(told <= 20 * total + PROXYS_OWN_WORDS, `${total} bytes have become ${told}`);
}

function halves(bytes: Uint8Array, at: number): Uint8Array[] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

for (const { name, client, origin } of RECORDINGS) {
  Deno.test(`every truncation of ${name} is accepted`, () => {
    for (let length = 0; length < client.length; length++) {
      assert.ok(survives([client.subarray(0, length)], [origin]), `client's first ${length}`);
    }
    for (let length = 0; length < origin.length; length++) {
      assert.ok(survives([client], [origin.subarray(0, length)]), `origin's first ${length}`);
    }
  });

  Deno.test(`every split of ${name} gives both sides the same`, () => {
    const told = (client: readonly Uint8Array[], origin: readonly Uint8Array[]) => {
      const wiring = new Wiring();
      for (const piece of client) wiring.fromClient(piece);
      for (const piece of origin) wiring.fromOrigin(piece);
      return wiring;
    };
    const whole = told([client], [origin]);
    const [toOrigin, toClient] = [whole.toOrigin(), whole.toClient];
    for (let at = 0; at < client.length; at++) {
      const wiring = told(halves(client, at), [origin]);
      assert.ok(isEqual(wiring.toOrigin(), toOrigin), `client at ${at}`);
      assert.ok(isEqual(wiring.toClient, toClient), `client at ${at}`);
    }
    for (let at = 0; at < origin.length; at++) {
      const wiring = told([client], halves(origin, at));
      assert.ok(isEqual(wiring.toClient, toClient), `origin at ${at}`);
    }
  });

  Deno.test(`${name} with damaged bytes causes at worst a ProtocolError`, () => {
    const refused = { client: 0, origin: 0 };
    forEachSeedInTime(ROUNDS, (random) => {
      if (!survives(cut(broken(client, random), random), [origin])) refused.client++;
      if (!survives([client], cut(broken(origin, random), random))) refused.origin++;
    });
    assert.ok(refused.client > 0 && refused.origin > 0, "nothing was broken enough to be refused");
  });
}

for (const { name, bytes } of corpusOf("rtmp")) {
  Deno.test(`RTMP's ${name} causes at worst a ProtocolError, however it is split`, () => {
    const { client, origin } = RECORDINGS[0]!;
    forEachSeed(50, (random) => {
      survives(cut(bytes, random), [publishAnswers([1, 2])]);
      survives(cut(broken(bytes, random), random), [origin]);
      survives([client], [origin, ...cut(bytes, random)]);
    });
  });
}

Deno.test("noise causes at worst a ProtocolError", () => {
  forEachSeedInTime(ROUNDS, (random, seed) => {
    const noise = filler(random.below(20_000), seed);
    survives(cut(noise, random), []);
    for (const { client, origin } of RECORDINGS) {
      survives([client, ...cut(noise, random)], [origin]);
      survives([client], [origin, ...cut(noise, random)]);
    }
  });
});

Deno.test("random concatenations of the table cases cause at worst a ProtocolError", () => {
  const wires = [...CHUNK_CASES, ...BROKEN_CASES].map(({ wire }) => wire)
    .filter(({ length }) => length < 100_000);
  const { client, origin } = RECORDINGS[0]!;
  const joined = [publishAnswers([1, 2, 3, 4], 7), fullPlayAnswers(9), origin];
  forEachSeedInTime(ROUNDS, (random) => {
    const some = Array.from({ length: 5 }, () => wires[random.below(wires.length)]!);
    const bytes = random.below(2) === 0 ? join(some) : broken(join(some), random);
    const answers = joined[random.below(joined.length)]!;
    survives([client.subarray(0, 500), ...cut(bytes, random)], [answers]);
    survives([client], [answers, ...cut(bytes, random)]);
  });
});

Deno.test("damaged AMF0 causes at worst a ProtocolError", () => {
  const wires = [...AMF0_CASES, ...BROKEN_AMF0_CASES].map(({ wire }) => wire)
    .filter(({ length }) => length > 0);
  forEachSeedInTime(20 * ROUNDS, (random, seed) => {
    const wire = wires[random.below(wires.length)]!;
    const bytes = random.below(4) === 0 ? filler(random.below(300), seed) : broken(wire, random);
    try {
      readAmf0Values(new ByteReader(bytes));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  });
});

Deno.test("a conversation of only headers keeps nothing", () => {
  // Each header begins another message of the greatest length.
  const conversation = new ClientConversation(new MessageWriter());
  assert.throws(() => {
    for (let id = 2; id < 5000; id++) {
      const header = [1, (id - 64) & 255, ((id - 64) >> 8) & 255, 0, 0, 0, 0xff, 0xff, 0xff, 9];
      conversation.push(Uint8Array.from([...header, 1, 0, 0, 0, ...new Uint8Array(128)]));
    }
  }, ProtocolError);
  assert.equal(conversation.assembler.bodies.size, 0);
});

/** A copy with some bytes changed, dropped, repeated or inserted. */
function broken(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  let copy = bytes;
  const times = 1 + random.below(8);
  for (let time = 0; time < times; time++) {
    const at = random.below(copy.length + 1);
    const many = random.below(20);
    const replace = (gone: number, news: Uint8Array) => {
      copy = join([copy.subarray(0, at), news, copy.subarray(at + gone)]);
    };
    switch (random.below(5)) {
      case 0:
        replace(1, Uint8Array.of(random.below(256)));
        break;
      case 1:
        replace(1, Uint8Array.of((copy[at] ?? 0) ^ (1 << random.below(8))));
        break;
      case 2:
        replace(many, new Uint8Array());
        break;
      case 3:
        replace(0, filler(many, random.below(1000)));
        break;
      default:
        replace(0, copy.subarray(random.below(copy.length), at + many).subarray(0, 2000));
    }
  }
  return copy;
}

/** The same bytes in a few pieces of any length. */
function cut(bytes: Uint8Array, random: SeededRandom): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.below(random.below(3) === 0 ? 4 : 3000);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

function forEachSeedInTime(...rounds: Parameters<typeof forEachSeed>): void {
  const start = performance.now();
  forEachSeed(...rounds);
  const took = performance.now() - start;
  assert.ok(took < PATIENCE, `it took ${Math.round(took)} ms`);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
