import assert from "node:assert/strict";
import { RTMP_TIMEOUTS, RtmpRelayWorld } from "../../../tests/support/rtmp_relay_world.ts";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { filler, type WireMessage } from "../../../tests/support/rtmp_wire.ts";
import type { RtmpPeer } from "../../../tests/support/rtmp_peer.ts";
import { pause, until } from "../../../tests/support/wait.ts";

const { idle, stall } = RTMP_TIMEOUTS;
const SWEEP = 1_000;
const VIDEO = { chunkStream: 6, format: 0, type: 9, streamId: 1 } as const;
const ACKNOWLEDGEMENT = 3;

Deno.test("after play, an origin is sent only what the player sends", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  const { link } = world.origin;
  for (let frame = 1; frame <= 20; frame++) {
    await link.say(new Script().control(1, 4096).message({ ...VIDEO, body: filler(300, frame) }));
    const frames = () => player.messages.filter(({ type }) => type === 9);
    await player.sees("a frame", () => frames().length === frame);
  }
  await player.say(new Script().command(["pause", 4, null, true, 0], { streamId: 1 }));
  await link.hears("pause");
  const told = link.messages.map(({ type }) => type);
  const play = link.messages.findIndex(({ streamId }) => streamId === 1);
  assert.deepEqual(told.slice(play), [20, 20]);
  const before = told.slice(0, play).filter((type) => type === ACKNOWLEDGEMENT);
  assert.ok(before.length > 0, "the origin waits 40 ms for a sign of life");
});

/** Sends the same frame for as long as the other side reads it. */
async function flood(peer: RtmpPeer): Promise<void> {
  const frame = new Script().control(1, 4096).message({ ...VIDEO, body: filler(60_000) }).bytes;
  while (!peer.isOver) await peer.say(frame);
}

/** Lets time pass until the session ends, and checks that it stalled and did not end too early. */
async function assertStalls(world: RtmpRelayWorld, talk = () => Promise.resolve()): Promise<void> {
  while (world.closed.length === 0 && world.clock.now() < 10 * stall) {
    await talk();
    await pause(5);
    await world.clock.pass(SWEEP);
  }
  assert.equal((await world.closes()).reason, "stalled");
  assert.ok(world.clock.now() >= stall, `it was disconnected after ${world.clock.now()} ms`);
}

Deno.test("a player that reads nothing is disconnected even if it sends", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  player.stopReading();
  const flooding = flood(world.origin.link);
  await assertStalls(world, () => player.say(new Script().control(ACKNOWLEDGEMENT, 1)));
  await world.origin.link.ends();
  await flooding;
});

Deno.test("bytes read for a player that lags behind are no sign of life of its origin", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  player.stopReading();
  const flooding = flood(world.origin.link);
  await until("it to be held up", () => world.received("s1") === Infinity);
  player[Symbol.dispose]();
  await world.origin.link.ends();
  await flooding;
});

Deno.test("a player that reads nothing is disconnected when its origin has closed", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  const { link } = world.origin;
  player.stopReading();
  const frame = new Script().control(1, 4096).message({
    ...VIDEO,
    body: new Uint8Array(64_000_000),
  });
  const saying = link.say(frame);
  // The system's buffers grow while they fill, so the connection must be seen blocked repeatedly.
  let looks = 0;
  await until("it to be held up", () => {
    looks = world.received("s1") === Infinity ? looks + 1 : 0;
    return looks === 10;
  });
  link[Symbol.dispose]();
  await assertStalls(world);
  await saying;
});

Deno.test("a publisher whose origin reads nothing is disconnected", async () => {
  await using world = await RtmpRelayWorld.open();
  using publisher = await world.begun("publish");
  world.origin.link.stopReading();
  const flooding = flood(publisher);
  await assertStalls(world);
  await flooding;
});

Deno.test("a slow player that keeps reading stays connected", async () => {
  await using world = await RtmpRelayWorld.open();
  const player = await world.begun("play");
  player.stopReading();
  const frame = { ...VIDEO, body: new Uint8Array(10_000_000) };
  const script = new Script().control(1, 4096).message(frame).message(frame).message(frame);
  const saying = world.origin.link.say(script);
  // The kernel reports a socket as writable only when a third of its buffer is free; that must take
  // less than the stall time.
  for (let second = 0; second < 25; second++) {
    await player.takes(1_000_000);
    await world.clock.pass(SWEEP);
  }
  assert.ok(world.clock.now() > 2 * stall);
  assert.deepEqual(world.closed, []);
  player[Symbol.dispose]();
  await saying;
});

const PING_REQUEST = 6;
const PING_RESPONSE = 7;

function eventsOf(peer: RtmpPeer, event: number): WireMessage[] {
  return peer.messages.filter(({ type, body }) => type === 4 && body[1] === event);
}

Deno.test("a player that waits for its stream stays connected as long as it answers pings", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  const { link } = world.origin;
  for (let ping = 1; ping <= 12; ping++) {
    await world.clock.pass(idle / 4);
    await player.sees("a ping", () => eventsOf(player, PING_REQUEST).length === ping);
    const { body } = eventsOf(player, PING_REQUEST).at(-1)!;
    const time = new DataView(body.buffer).getUint32(2);
    await player.say(new Script().userControl(PING_RESPONSE, time));
    await link.sees("the answer", () => eventsOf(link, PING_RESPONSE).length === ping);
    await world.clock.pass(SWEEP);
  }
  assert.ok(world.clock.now() > 3 * idle);
  await link.say(new Script().control(1, 4096).message({ ...VIDEO, body: filler(9_000) }));
  await player.sees("the stream", () => player.messages.some(({ type }) => type === 9));
  assert.deepEqual(eventsOf(link, PING_REQUEST), []);
});

for (const wish of ["play", "publish"] as const) {
  Deno.test(`a client that wants to ${wish} and gives no sign of life is ended`, async () => {
    await using world = await RtmpRelayWorld.open();
    using client = await world.begun(wish);
    await world.assertEndsAfter(idle, client);
    assert.equal(eventsOf(client, PING_REQUEST).length, wish === "play" ? 3 : 0);
    client[Symbol.dispose]();
    assert.equal((await world.closes()).reason, "idle");
  });
}

Deno.test("an occasional byte is enough to stay connected", async () => {
  await using world = await RtmpRelayWorld.open();
  using publisher = await world.begun("publish");
  const { link } = world.origin;
  for (let frame = 1; frame <= 3; frame++) {
    await world.clock.pass(idle - SWEEP);
    await publisher.say(new Script().message({ ...VIDEO, body: filler(1) }));
    await link.sees("it", () => link.messages.filter(({ type }) => type === 9).length === frame);
  }
  await world.assertEndsAfter(SWEEP + idle, publisher);
});

Deno.test("no ping is inserted into a message that the origin has begun", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  const { bytes } = new Script().control(1, 4096).message({ ...VIDEO, body: filler(9_000) });
  const before = player.bytes;
  await world.origin.link.say(bytes.slice(0, 5_000));
  await player.sees("the begun message", () => player.bytes >= before + 5_000);
  const told = player.bytes;
  await world.assertEndsAfter(SWEEP + idle, player);
  assert.equal(player.bytes, told);
});
