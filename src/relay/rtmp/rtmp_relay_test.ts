// Sessions ended from outside, one or all of them: kick, drain, kill. Time stands still unless a
// test lets it pass.

import assert from "node:assert/strict";
import { RtmpOrigin } from "../../../tests/support/rtmp_origin.ts";
import type { RtmpPeer } from "../../../tests/support/rtmp_peer.ts";
import { RTMP_TIMEOUTS, RtmpRelayWorld } from "../../../tests/support/rtmp_relay_world.ts";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { filler } from "../../../tests/support/rtmp_wire.ts";
import { until } from "../../../tests/support/wait.ts";

const LINGER = 2_000;
const VIDEO = { chunkStream: 6, format: 0, type: 9, streamId: 1 } as const;
const WISHES = ["play", "publish"] as const;

/** Sends a frame from one to the other through the relay. */
async function assertFlows(from: RtmpPeer, to: RtmpPeer): Promise<void> {
  const frames = () => to.messages.filter(({ type }) => type === 9).length;
  const before = frames();
  await from.say(new Script().message({ ...VIDEO, body: filler(100) }));
  await to.sees("a frame", () => frames() === before + 1);
}

for (const wish of WISHES) {
  for (const reason of ["kicked", "origin_down", "stream_moved"] as const) {
    Deno.test(`a ${wish} session is ended from outside: ${reason}`, async () => {
      await using world = await RtmpRelayWorld.open();
      using client = await world.begun(wish);
      using other = await world.begun(wish, "other");
      const [link, otherLink] = world.origin.links;
      assert.ok(!world.relay.endSession("nobody", reason));
      assert.ok(world.relay.endSession("s1", reason));
      await Promise.all([client.ends(), link!.ends()]);
      for (const peer of [client, link!]) peer[Symbol.dispose]();
      assert.equal((await world.closes()).reason, reason);
      const counter = `{intent="${wish}",reason="${reason}"}`;
      await world.counts(`srs_proxy_rtmp_sessions_closed_total${counter}`, 1);
      if (wish === "play") await assertFlows(otherLink!, other);
      else await assertFlows(other, otherLink!);
      assert.equal(world.clock.now(), 0);
    });
  }
}

Deno.test("a kicked client that stays is disconnected, whether it reads or not", async () => {
  for (const isDeaf of [false, true]) {
    await using world = await RtmpRelayWorld.open();
    using client = await world.begun("play");
    if (isDeaf) client.stopReading();
    const frame = new Script().control(1, 4096).message({
      ...VIDEO,
      body: new Uint8Array(9_000_000),
    });
    const saying = isDeaf ? world.origin.link.say(frame) : Promise.resolve();
    assert.ok(world.relay.endSession("s1", "kicked"));
    world.origin.link[Symbol.dispose]();
    await world.assertIdleAfter(LINGER);
    await saying;
  }
});

/** What a client is told if it is ended on its way to an origin, and what is logged. */
const ENDED = [
  ["greeting", "publish", "kicked", "NetStream.Publish.Denied", "kicked"],
  ["greeting", "play", "kicked", "NetStream.Play.Failed", "kicked"],
  ["answer", "publish", "kicked", "NetStream.Publish.Denied", "kicked"],
  ["answer", "play", "kicked", "NetStream.Play.Failed", "kicked"],
  ["answer", "publish", "origin_down", "NetStream.Publish.Failed", "origin_gone"],
  ["answer", "play", "origin_down", "NetStream.Play.Failed", "origin_gone"],
  ["answer", "play", "stream_moved", "NetStream.Play.Failed", "origin_gone"],
] as const;

/** A client that waits for the greeting of its first origin, or for its answer. */
async function waitingFor(
  phase: "greeting" | "answer",
  wish: "publish" | "play",
): Promise<{ readonly world: RtmpRelayWorld; readonly client: RtmpPeer }> {
  const silent = phase === "greeting" ? { greets: "never" } as const : { ignores: [wish] };
  const origins = [new RtmpOrigin(silent), new RtmpOrigin()];
  const world = await RtmpRelayWorld.open({ origins });
  const client = await world.wanting(wish);
  if (phase === "greeting") await world.origin.isGreeted();
  else await world.origin.hears(wish);
  return { world, client };
}

for (const [phase, wish, reason, status, code] of ENDED) {
  Deno.test(`a client waiting for the ${phase} of its ${wish} is told why it is ended: ${reason}`, async () => {
    const waiting = await waitingFor(phase, wish);
    await using world = waiting.world;
    using client = waiting.client;
    assert.ok(world.relay.endSession("s1", reason));
    await client.hears(`onStatus:${status}`);
    await client.ends();
    assert.equal((await world.refuses()).error.code, code);
    await world.counts(`srs_proxy_rtmp_refused_total{reason="${code}"}`, 1);
    const unproved = 'srs_proxy_origin_dials_total{protocol="rtmp",result="origin_unreachable"}';
    assert.equal(await world.metric(unproved), 0);
    assert.equal(world.clock.now(), 0);
    assert.equal(world.origins[1]!.greetings, 0);
  });
}

for (const wish of WISHES) {
  for (const reason of ["origin_down", "stream_moved"] as const) {
    Deno.test(`a ${wish} that is being dialled goes to the next origin: ${reason}`, async () => {
      const waiting = await waitingFor("greeting", wish);
      await using world = waiting.world;
      using client = waiting.client;
      assert.ok(world.relay.endSession("s1", reason));
      await world.clock.pass(RTMP_TIMEOUTS.dial);
      await client.hears(
        `onStatus:${wish === "play" ? "NetStream.Play" : "NetStream.Publish"}.Start`,
      );
      assert.equal(world.origins[1]!.greetings, 1);
      await until("it be logged", () => world.opened.length === 1);
      assert.deepEqual([world.opened[0]!.origin, world.refused], ["o1", []]);
    });
  }
}

Deno.test("a session ended while its stream is being confirmed is logged once", async () => {
  const { promise: confirmed, resolve: confirm } = Promise.withResolvers<void>();
  await using world = await RtmpRelayWorld.open();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  world.registry.confirm = () => {
    ask();
    return confirmed;
  };
  using client = await world.wanting("publish");
  await asked;
  assert.ok(world.relay.endSession("s1", "kicked"));
  confirm();
  await client.ends();
  client[Symbol.dispose]();
  assert.equal((await world.closes()).reason, "kicked");
  assert.equal(world.opened.length, 1);
  assert.equal(world.refused.length, 0);
});

Deno.test("the bytes that an origin has sent are known while a session runs", async () => {
  await using world = await RtmpRelayWorld.open();
  using player = await world.begun("play");
  const before = world.received("s1")!;
  const { bytes } = new Script().message({ ...VIDEO, body: filler(100) });
  await world.origin.link.say(bytes);
  await player.sees("it", () => player.messages.some(({ type }) => type === 9));
  assert.equal(world.received("s1"), before + bytes.length);
  assert.equal(world.received("nobody"), undefined);
});

Deno.test("while the process drains, running streams continue and new ones are refused", async () => {
  const origins = [new RtmpOrigin(), new RtmpOrigin({ greets: "never" })];
  await using world = await RtmpRelayWorld.open({ origins });
  using publisher = await world.begun("publish");
  using player = await world.begun("play");
  const [up, down] = world.origin.links;
  using greeted = await world.client();
  using connected = await world.connected();
  world.drain();
  await Promise.all([greeted.ends(), connected.ends()]);
  await assert.rejects(world.client(), Deno.errors.ConnectionRefused);
  await world.clock.pass(15_000);
  await assertFlows(publisher, up!);
  await assertFlows(down!, player);

  await player.say(new Script().command(["play", 4, null, "other"], { streamId: 1 }));
  await player.hears("onStatus:NetStream.Play.Failed");
  assert.equal(world.refused[0]!.error.code, "draining");
  assert.equal((await world.closes()).reason, "moved");

  let isIdle = false;
  const idle = world.relay.idle().then(() => isIdle = true);
  world.relay.kill();
  await Promise.all([publisher.ends(), up!.ends()]);
  assert.ok(!isIdle);
  for (const peer of [publisher, up!, player, down!]) peer[Symbol.dispose]();
  await idle;
  assert.deepEqual(world.closed.map(({ reason }) => reason), ["moved", "shutdown"]);
});

Deno.test("a client on its way to an origin is disconnected when the process drains", async () => {
  await using world = await RtmpRelayWorld.open({ origins: [new RtmpOrigin({ greets: "never" })] });
  using client = await world.wanting("play");
  await world.origin.isGreeted();
  world.drain();
  await client.ends();
  assert.equal(world.clock.now(), 0);
});

Deno.test("a client that switches to another stream is served it and logged as a new session", async () => {
  const origins = [new RtmpOrigin()];
  await using world = await RtmpRelayWorld.open({ origins });
  using player = await world.begun("play", "one");
  await player.say(new Script().command(["play", 4, null, "two"], { streamId: 1 }));
  await world.origin.links[0]!.ends();
  const starts = () => player.commands.filter((one) => one === "onStatus:NetStream.Play.Start");
  await player.sees("the other stream", () => starts().length === 2);
  await assertFlows(world.origin.links[1]!, player);
  assert.equal((await world.closes()).reason, "moved");
  const streams = world.opened.map(({ stream }) => stream);
  assert.deepEqual(streams, ["tv.example/live/one", "tv.example/live/two"]);
});

for (const wish of WISHES) {
  Deno.test(`the relay reports how much flows in a session, and how fast: ${wish}`, async () => {
    await using world = await RtmpRelayWorld.open();
    using client = await world.begun(wish);
    const { link } = world.origin;
    const [from, to] = wish === "play" ? [link, client] : [client, link];
    for (let second = 0; second < 20; second++) {
      await assertFlows(from, to);
      await world.clock.pass(1_000);
    }
    const { session, flowed } = world.flowed.at(-1)!;
    const { bitsIn, bitsOut } = flowed;
    assert.equal(session, "s1");
    // A frame of 100 bytes has a header of 12.
    assert.deepEqual([bitsIn, bitsOut], wish === "play" ? [0, 112 * 8] : [112 * 8, 0]);
    if (wish === "publish") {
      // A silent player is pinged.
      await world.clock.pass(12_000);
      assert.deepEqual([flowed.bitsIn, flowed.bitsOut], [0, 0]);
      const told = world.flowed.length;
      await world.clock.pass(5_000);
      assert.equal(world.flowed.length, told, "nothing is reported twice");
    }
    assert.ok(world.relay.endSession("s1", "kicked"));
    await Promise.all([client.ends(), link.ends()]);
    for (const peer of [client, link]) peer[Symbol.dispose]();
    const { bytesIn, bytesOut } = await world.closes();
    const all = 20 * 112;
    assert.deepEqual(wish === "play" ? [bytesIn, bytesOut] : [bytesOut, bytesIn], [0, all]);
  });
}
