import assert from "node:assert/strict";
import { RtmpRelayWorld } from "../../../tests/support/rtmp_relay_world.ts";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { filler, type WireMessage } from "../../../tests/support/rtmp_wire.ts";
import type { RtmpPeer } from "../../../tests/support/rtmp_peer.ts";
import { pause, until } from "../../../tests/support/wait.ts";

const VIDEO = { chunkStream: 6, format: 0, type: 9, streamId: 1 } as const;
const ACKNOWLEDGEMENT = 3;

Deno.test("an origin is told nothing behind a play but what the player says", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  const [link] = world.origin.links;
  for (let frame = 1; frame <= 20; frame++) {
    await link!.say(new Script().control(1, 4096).message({ ...VIDEO, body: filler(300, frame) }));
    await until("a frame", () => player.messages.filter(({ type }) => type === 9).length === frame);
  }
  await player.say(new Script().command(["pause", 4, null, true, 0], { streamId: 1 }));
  await link!.hears("pause");
  const told = link!.messages.map(({ type }) => type);
  const play = link!.messages.findIndex(({ streamId }) => streamId === 1);
  assert.deepEqual(told.slice(play), [20, 20]);
  const before = told.slice(0, play).filter((type) => type === ACKNOWLEDGEMENT);
  assert.ok(before.length > 0, "the origin waits 40 ms for a sign of life");
});

const CLOSED = "srs_proxy_rtmp_sessions_closed_total";

/** Says the same frame for as long as the other side takes it. */
async function flood(peer: RtmpPeer): Promise<void> {
  const frame = new Script().control(1, 4096).message({ ...VIDEO, body: filler(60_000) }).bytes;
  while (!peer.isOver) await peer.say(frame);
}

Deno.test("a player that takes nothing is let go, though it talks and its origin has left", async () => {
  await using world = await RtmpRelayWorld.open({ stall: 600 });
  using player = await world.begun("play");
  const [link] = world.origin.links;
  player.stopReading();
  const flooding = flood(link!);
  let talks = true;
  const talking = (async () => {
    while (talks) {
      await player.say(new Script().control(ACKNOWLEDGEMENT, 1));
      await pause(100);
    }
  })();
  const stalled = `${CLOSED}{intent="play",reason="stalled"}`;
  await until("the player be let go", async () => await world.metric(stalled) === 1);
  await link!.ended;
  talks = false;
  await Promise.all([flooding, talking]);
  assert.equal(world.sessions.size, 0);
});

Deno.test("a player that takes nothing is let go when its origin has closed", async () => {
  await using world = await RtmpRelayWorld.open({ stall: 600 });
  using player = await world.begun("play");
  const [link] = world.origin.links;
  player.stopReading();
  const frame = new Script().control(1, 4096).message({ ...VIDEO, body: filler(8_000_000) });
  await Promise.race([link!.say(frame), pause(300)]);
  link![Symbol.dispose]();
  const stalled = `${CLOSED}{intent="play",reason="stalled"}`;
  await until("the player be let go", async () => await world.metric(stalled) === 1);
});

Deno.test("a publisher whose origin takes nothing is let go", async () => {
  await using world = await RtmpRelayWorld.open({ stall: 600 });
  using publisher = await world.begun("publish");
  world.origin.links[0]!.stopReading();
  await flood(publisher);
  const stalled = `${CLOSED}{intent="publish",reason="stalled"}`;
  await until("the session be closed", async () => await world.metric(stalled) === 1);
});

Deno.test("a player that is slow, but takes what it gets, stays", async () => {
  await using world = await RtmpRelayWorld.open({ stall: 1_000 });
  using player = await world.begun("play");
  const [link] = world.origin.links;
  // A kernel lets go on only when a third of its buffer is free: that must take less than the time.
  player.readSlowly(60_000, 10);
  const frame = new Script().control(1, 4096).message({ ...VIDEO, body: filler(9_000_000) });
  const saying = link!.say(frame);
  await pause(2_000);
  assert.equal(world.sessions.size, 1);
  player[Symbol.dispose]();
  await Promise.all([saying, player.ended]);
});

const PING_REQUEST = 6;

function eventOf({ type, body }: WireMessage): number | undefined {
  return type === 4 ? body[1] : undefined;
}

/** Answers every ping as players do. */
async function answerPings(peer: RtmpPeer, answered: { count: number }): Promise<void> {
  while (!peer.isOver) {
    const pings = peer.messages.filter((message) => eventOf(message) === PING_REQUEST);
    for (const { body } of pings.slice(answered.count)) {
      answered.count++;
      await peer.say(new Script().userControl(7, new DataView(body.buffer).getUint32(2)));
    }
    await pause(20);
  }
}

Deno.test("a player that waits for its stream stays as long as it answers pings", async () => {
  await using world = await RtmpRelayWorld.open({ idle: 400 });
  const player = await world.begun("play");
  const answered = { count: 0 };
  const answering = answerPings(player, answered);
  await until("several times the idle time", () => answered.count >= 12);
  assert.equal(world.sessions.size, 1);
  const [link] = world.origin.links;
  await link!.say(new Script().control(1, 4096).message({ ...VIDEO, body: filler(9_000) }));
  await until("the stream", () => player.messages.some(({ type }) => type === 9));
  const pings = link!.messages.filter((message) => eventOf(message) === PING_REQUEST);
  const pongs = link!.messages.filter((message) => eventOf(message) === PING_REQUEST + 1);
  assert.deepEqual([pings.length, pongs.length > 0], [0, true]);
  player[Symbol.dispose]();
  await Promise.all([answering, player.ended]);
});

for (const wish of ["play", "publish"] as const) {
  Deno.test(`a client that wants to ${wish} and answers no ping is ended`, async () => {
    await using world = await RtmpRelayWorld.open({ idle: 400 });
    using client = await world.begun(wish);
    await client.ended;
    const idle = `${CLOSED}{intent="${wish}",reason="idle"}`;
    await until("the session be closed", async () => await world.metric(idle) === 1);
    const pings = client.messages.filter((message) => eventOf(message) === PING_REQUEST);
    assert.equal(pings.length, wish === "play" ? 1 : 0);
  });
}

Deno.test("no ping comes into a message that the origin has begun", async () => {
  await using world = await RtmpRelayWorld.open({ idle: 600 });
  using player = await world.begun("play");
  const [link] = world.origin.links;
  const { bytes } = new Script().control(1, 4096).message({ ...VIDEO, body: filler(9_000) });
  await link!.say(bytes.slice(0, 5_000));
  await player.ended;
  assert.deepEqual(player.messages.filter((one) => eventOf(one) === PING_REQUEST), []);
});
