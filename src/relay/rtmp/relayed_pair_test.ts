import assert from "node:assert/strict";
import { RtmpRelayWorld } from "../../../tests/support/rtmp_relay_world.ts";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { filler, type WireMessage } from "../../../tests/support/rtmp_wire.ts";
import type { RtmpPeer } from "../../../tests/support/rtmp_peer.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { pause, until } from "../../../tests/support/wait.ts";

/** How long a peer may take to read its last bytes, milliseconds. */
const LINGER = 2_000;
const VIDEO = { chunkStream: 6, format: 0, type: 9, streamId: 1 } as const;
const ACKNOWLEDGEMENT = 3;

Deno.test("an origin is told nothing behind a play but what the player says", async () => {
  const clock = new VirtualClock();
  await using world = await RtmpRelayWorld.open({ clock });
  using player = await relayed(world, "play");
  const [link] = world.origin.links;
  const { timers } = clock;
  for (let frame = 1; frame <= 20; frame++) {
    await link!.say(new Script().control(1, 4096).message({ ...VIDEO, body: filler(300, frame) }));
    await until("a frame", () => player.messages.filter(({ type }) => type === 9).length === frame);
  }
  assert.equal(clock.timers, timers, "what flows sets no timer");
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

function eventsOf({ messages }: RtmpPeer, event: number): WireMessage[] {
  return messages.filter((message) => eventOf(message) === event);
}

/** A client whose stream is relayed now: from then on time counts for it. */
async function relayed(world: RtmpRelayWorld, wish: "publish" | "play"): Promise<RtmpPeer> {
  const client = await world.begun(wish);
  await until("its session", () => world.sessions.size === 1, { interval: 1 });
  return client;
}

Deno.test("a player that waits for its stream stays as long as it answers pings", async () => {
  const clock = new VirtualClock();
  await using world = await RtmpRelayWorld.open({ clock, idle: 4_000 });
  using player = await relayed(world, "play");
  const [link] = world.origin.links;
  for (let answered = 0; clock.now() < 5 * 4_000;) {
    await clock.pass(2_000);
    const look = () => eventsOf(player, PING_REQUEST).slice(answered);
    await until("a ping", () => look().length > 0, { interval: 1 });
    for (const { body } of look()) {
      answered++;
      await player.say(new Script().userControl(7, new DataView(body.buffer).getUint32(2)));
    }
    const hasHeard = () => eventsOf(link!, PING_REQUEST + 1).length === answered;
    await until("the origin hear of it", hasHeard, { interval: 1 });
  }
  assert.equal(world.sessions.size, 1);
  await link!.say(new Script().control(1, 4096).message({ ...VIDEO, body: filler(9_000) }));
  await until("the stream", () => player.messages.some(({ type }) => type === 9));
  assert.deepEqual(eventsOf(link!, PING_REQUEST), []);
});

for (const wish of ["play", "publish"] as const) {
  Deno.test(`a client that wants to ${wish} and answers no ping is ended`, async () => {
    const clock = new VirtualClock();
    await using world = await RtmpRelayWorld.open({ clock, idle: 400 });
    using client = await relayed(world, wish);
    await clock.pass(400);
    await client.ended;
    await clock.pass(LINGER);
    const idle = `${CLOSED}{intent="${wish}",reason="idle"}`;
    await until("the session be closed", async () => await world.metric(idle) === 1);
    assert.equal(eventsOf(client, PING_REQUEST).length, wish === "play" ? 1 : 0);
  });
}

Deno.test("no ping comes into a message that the origin has begun", async () => {
  const clock = new VirtualClock();
  await using world = await RtmpRelayWorld.open({ clock, idle: 4_000 });
  using player = await relayed(world, "play");
  const [link] = world.origin.links;
  const before = world.relay.received("s1")!;
  const { bytes } = new Script().control(1, 4096).message({ ...VIDEO, body: filler(9_000) });
  await link!.say(bytes.slice(0, 5_000));
  await until("the relay have it", () => world.relay.received("s1") === before + 5_000);
  await clock.pass(6_000);
  await player.ended;
  assert.deepEqual(eventsOf(player, PING_REQUEST), []);
});
