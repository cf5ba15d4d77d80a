// Streams of frames randomly damaged, truncated and split: what is read never depends on how they
// arrive, and a port that gets them disconnects strangers without sending a byte to them or to an
// origin.

import assert from "node:assert/strict";
import { FrameReader } from "../../src/protocol/rtc/framing.ts";
import { beginsWithIce, OPENING } from "../../src/protocol/rtc/opening.ts";
import { corpusOf } from "../support/corpus.ts";
import { forEachSeed, fuzzTest } from "../support/fuzzing.ts";
import { framed } from "../support/ice_peer.ts";
import { IceWorld } from "../support/ice_world.ts";
import { join } from "../support/rtmp_wire.ts";
import { stunRequest } from "../support/stun_message.ts";
import { until } from "../support/wait.ts";

const BOUNDS = { longest: 300, capacity: 512 };
const STRANGERS = 150;
/** A request that is valid except for its password. */
const REQUEST = framed(stunRequest({ user: "a:me", password: "not its password" }));
const KNOWN = [
  ...corpusOf("ice_tcp").map(({ bytes }) => bytes.subarray(0, 2_000)),
  ...[REQUEST, join([REQUEST, REQUEST])],
];

/** The datagrams of a stream, read from all of it at once. */
function datagramsOf(stream: Uint8Array): number[][] {
  const found: number[][] = [];
  for (let at = 0; at + 2 <= stream.length;) {
    const length = new DataView(stream.buffer, stream.byteOffset).getUint16(at);
    at += 2 + length;
    const isWhole = at <= stream.length;
    if (length > 0 && length <= BOUNDS.longest && isWhole) {
      found.push([...stream.subarray(at - length, at)]);
    }
  }
  return found;
}

function damage(stream: Uint8Array, below: (limit: number) => number): Uint8Array<ArrayBuffer> {
  const bytes = stream.slice(0, below(3) === 0 ? below(stream.length + 1) : stream.length);
  for (let times = below(4); times > 0 && bytes.length > 0; times--) {
    const at = below(2) === 0 ? below(bytes.length) : below(Math.min(bytes.length, OPENING));
    bytes[at] = below(3) === 0 ? [0, 1, 255][below(3)]! : below(256);
  }
  return bytes;
}

Deno.test("damaged streams give the same datagrams however they are split", () => {
  forEachSeed(3_000, (random) => {
    const below = (limit: number) => random.below(limit);
    const stream = join([
      damage(KNOWN[below(KNOWN.length)]!, below),
      framed(new Uint8Array(below(2) === 0 ? below(600) : below(5)).fill(7)),
      damage(KNOWN[below(KNOWN.length)]!, below),
    ]);
    const reader = new FrameReader(BOUNDS);
    const found: number[][] = [];
    for (let at = 0; at < stream.length;) {
      const { space } = reader;
      assert.ok(space.length > 0);
      const piece = stream.subarray(at, at + 1 + below(space.length));
      space.set(piece);
      reader.received(piece.length);
      at += piece.length;
      for (let next; (next = reader.next()) !== undefined;) found.push([...next]);
    }
    assert.deepEqual(found, datagramsOf(stream));
    const told = beginsWithIce(stream);
    for (let length = 0; length < Math.min(stream.length, OPENING); length++) {
      const early = beginsWithIce(stream.subarray(0, length));
      assert.ok(early === undefined || early === told, "a decision does not change");
    }
  });
});

fuzzTest("strangers with damaged streams are disconnected without an answer", async (below) => {
  await using world = await IceWorld.open({ engine: "deno", startTimeout: 300 });
  await world.media.agree("a");
  for (let index = 0; index < STRANGERS; index += 10) {
    await Promise.all(Array.from({ length: 10 }, async () => {
      using stranger = await world.connect();
      const stream = damage(KNOWN[below(KNOWN.length)]!, below);
      await stranger.write(stream).catch(() => {});
      await stranger.closed();
    }));
  }
  await until("each be counted", async () => {
    return await world.refused("malformed") + await world.refused("unproved") >= STRANGERS;
  }, { timeout: 3_000 }).catch((error) => {
    // A connection that sent nothing is not counted.
    if (world.server.connections > 0) throw error;
  });
  assert.equal(world.media.origin.waiting, 0);
  assert.equal(world.media.sessions.size, 0);
  assert.deepEqual(world.media.errors, []);
});
