// A client on its way to its stream, on a clock that the test moves: every phase has its deadline,
// and a client that misses one is told so where possible.

import assert from "node:assert/strict";
import { RtmpOrigin, startOf } from "../../../tests/support/rtmp_origin.ts";
import { RtmpPeer } from "../../../tests/support/rtmp_peer.ts";
import { RTMP_TIMEOUTS, RtmpRelayWorld } from "../../../tests/support/rtmp_relay_world.ts";
import { answerStatus, Script } from "../../../tests/support/rtmp_script.ts";
import { filler } from "../../../tests/support/rtmp_wire.ts";
import { pause, until } from "../../../tests/support/wait.ts";

const { handshake, identify, dial, answer } = RTMP_TIMEOUTS;
const LINGER = 2_000;
const HANDSHAKE = Uint8Array.of(3, ...new Uint8Array(2 * 1536));
const PING_REQUEST = 6;
const VIDEO = { chunkStream: 6, format: 0, type: 9, streamId: 1 } as const;
const WISHES = ["play", "publish"] as const;
const FAILED = {
  play: "onStatus:NetStream.Play.Failed",
  publish: "onStatus:NetStream.Publish.Failed",
};

function refused(reason: string): string {
  return `srs_proxy_rtmp_refused_total{reason="${reason}"}`;
}

function dials(result: string): string {
  return `srs_proxy_origin_dials_total{protocol="rtmp",result="${result}"}`;
}

for (const length of [0, 1, 1536, 1537, HANDSHAKE.length - 1]) {
  Deno.test(`a client that stops after ${length} bytes of its handshake is disconnected in time`, async () => {
    await using world = await RtmpRelayWorld.open();
    const { port } = world.relay.address;
    using client = await RtmpPeer.begin(port, HANDSHAKE.subarray(0, length));
    // Connections are accepted in order.
    using _other = await world.client();
    await world.assertEndsAfter(handshake, client);
    await world.counts(refused("handshake_timeout"), 1);
  });
}

Deno.test("a trickle of bytes does not prolong the handshake deadline", async () => {
  await using world = await RtmpRelayWorld.open();
  using client = await RtmpPeer.begin(world.relay.address.port, HANDSHAKE.subarray(0, 1));
  using _other = await world.client();
  for (let spent = 0; spent < handshake - 500; spent += 500) {
    await world.clock.pass(500);
    await client.say(Uint8Array.of(0));
  }
  await world.assertEndsAfter(500, client);
});

Deno.test("a client that leaves before asking for a stream is not counted as a timeout", async () => {
  await using world = await RtmpRelayWorld.open();
  const { port } = world.relay.address;
  (await RtmpPeer.begin(port, HANDSHAKE.subarray(0, 2_000)))[Symbol.dispose]();
  await world.counts(refused("left_in_handshake"), 1);
  (await world.connected())[Symbol.dispose]();
  await world.counts(refused("left_in_identify"), 1);
  await world.clock.pass(60_000);
  assert.equal(await world.metric(refused("identify_timeout")), 0);
});

Deno.test("a client that does not speak RTMP is disconnected at once", async () => {
  await using world = await RtmpRelayWorld.open();
  const said = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  using client = await RtmpPeer.begin(world.relay.address.port, said);
  await client.ends();
  assert.equal(await world.metric('srs_proxy_rtmp_protocol_errors_total{side="client"}'), 1);
});

Deno.test("a client that asks for no stream is disconnected in time", async () => {
  await using world = await RtmpRelayWorld.open();
  using client = await world.client();
  await client.say(new Script().userControl(PING_REQUEST, 1));
  await client.sees("an answer", () => client.messages.length === 1);
  await world.assertEndsAfter(identify, client);
  await world.counts(refused("identify_timeout"), 1);
  assert.equal(world.refused.length, 0);
});

Deno.test("a client cannot prolong the identify deadline by sending", async () => {
  await using world = await RtmpRelayWorld.open();
  using client = await world.connected();
  for (let said = 1; said < identify / 1_000; said++) {
    await client.say(new Script().command(["createStream", said, null]));
    const answers = () => client.commands.filter((command) => command === "_result");
    await client.sees("an answer", () => answers().length === said);
    await world.clock.pass(1_000);
  }
  await world.assertEndsAfter(1_000, client);
});

for (const wish of WISHES) {
  Deno.test(`a client that wants to ${wish} skips an origin that does not complete the handshake in time`, async () => {
    const silent = new RtmpOrigin({ greets: "never" });
    await using world = await RtmpRelayWorld.open({ origins: [silent, new RtmpOrigin()] });
    using client = await world.wanting(wish);
    await silent.isGreeted();
    await world.clock.pass(dial - 1);
    await pause(5);
    assert.equal(world.origins[1]!.greetings, 0);
    await world.clock.pass(1);
    await client.hears(`onStatus:${startOf(wish)}`);
    assert.equal(await world.metric(dials("origin_timeout")), 1);
    assert.equal(await world.metric(dials("reached")), 1);
    assert.equal(world.opened[0]!.origin, "o1");
  });
}

Deno.test("an origin that closes its connections is skipped without delay", async () => {
  const closing = new RtmpOrigin({ greets: "by closing" });
  await using world = await RtmpRelayWorld.open({ origins: [closing, new RtmpOrigin()] });
  using _client = await world.begun("play");
  assert.equal(closing.greetings, 1);
  assert.equal(await world.metric(dials("origin_unreachable")), 1);
});

Deno.test("the addresses of one origin share its dial timeout", async () => {
  await using world = await RtmpRelayWorld.open({ origins: [] });
  await using silent = new RtmpOrigin({ greets: "never" });
  await using other = new RtmpOrigin({ greets: "never" });
  await using good = new RtmpOrigin();
  await world.addOrigin("o", silent.port, other.port, good.port);
  using client = await world.wanting("play");
  await silent.isGreeted();
  await world.clock.pass(Math.ceil(dial / 3));
  await other.isGreeted();
  await world.clock.pass(Math.ceil(dial / 3));
  await client.hears("onStatus:NetStream.Play.Start");
  assert.ok(world.clock.now() < dial);
});

for (const wish of WISHES) {
  Deno.test(`a client that wants to ${wish} is told at the answer timeout if no origin completes the handshake`, async () => {
    const origins = Array.from({ length: 4 }, () => new RtmpOrigin({ greets: "never" }));
    await using world = await RtmpRelayWorld.open({ origins });
    using client = await world.wanting(wish);
    for (let spent = 0; spent < answer; spent += dial) {
      const dialled = spent / dial + 1;
      const greeted = () => origins.filter(({ greetings }) => greetings === 1).length;
      await until("a dial", () => greeted() === dialled, { interval: 5 });
      assert.equal(world.refused.length, 0);
      await world.clock.pass(Math.min(dial, answer - spent));
    }
    await client.hears(FAILED[wish]);
    const [refusal] = world.refused;
    assert.equal(refusal!.error.code, "origin_timeout");
    const tried = ["o0", "o1", "o2"].map((origin) => ({ origin, code: "origin_timeout" }));
    assert.deepEqual(refusal!.tried, tried);
    assert.equal(refusal!.stream, "tv.example/live/cam");
    assert.equal(world.opened.length, 0);
    client[Symbol.dispose]();
    assert.deepEqual((await world.registry.streams({ limit: 9 })).streams, []);
  });
}

Deno.test("a client that leaves while its origin is being found is dropped", async () => {
  const silent = new RtmpOrigin({ greets: "never" });
  await using world = await RtmpRelayWorld.open({ origins: [silent, new RtmpOrigin()] });
  const client = await world.wanting("play");
  await silent.isGreeted();
  client[Symbol.dispose]();
  await pause(5);
  await world.clock.pass(dial);
  await world.refuses();
  assert.equal(world.refused[0]!.error.code, "client_gone");
  assert.equal(world.origins[1]!.greetings, 0);
});

Deno.test("when a client leaves before its origin has decided, the origin's connection is closed", async () => {
  const origin = new RtmpOrigin({ ignores: ["publish"] });
  await using world = await RtmpRelayWorld.open({ origins: [origin] });
  const client = await world.wanting("publish");
  await origin.hears("publish");
  client[Symbol.dispose]();
  await origin.link.ends();
  assert.equal(world.clock.now(), 0);
  await world.refuses();
  assert.equal(world.refused[0]!.error.code, "client_gone");
});

for (const ignored of ["connect", "createStream"] as const) {
  for (const wish of WISHES) {
    Deno.test(`an origin that leaves ${ignored} of a ${wish} unanswered is abandoned in time`, async () => {
      const origin = new RtmpOrigin({ ignores: [ignored] });
      await using world = await RtmpRelayWorld.open({ origins: [origin] });
      using client = await world.wanting(wish);
      await origin.hears(ignored);
      await world.clock.pass(answer - 1);
      await pause(5);
      assert.equal(world.refused.length, 0);
      await world.clock.pass(1);
      await client.hears(FAILED[wish]);
      await origin.link.ends();
      assert.equal(world.refused[0]!.error.code, "origin_timeout");
    });
  }
}

Deno.test("a publisher whose origin does not answer publish is told at the answer timeout", async () => {
  const origin = new RtmpOrigin({ ignores: ["publish"] });
  await using world = await RtmpRelayWorld.open({ origins: [origin, new RtmpOrigin()] });
  using client = await world.wanting("publish");
  await origin.hears("publish");
  await world.clock.pass(answer - 1);
  await pause(5);
  assert.equal(world.refused.length, 0);
  await world.clock.pass(1);
  await client.hears(FAILED.publish);
  await origin.link.ends();
  assert.equal(
    world.origins[1]!.greetings,
    0,
    "once an origin has been sent the commands, no other is tried",
  );
  assert.deepEqual((await world.registry.streams({ limit: 9 })).streams, []);
  await world.assertIdleAfter(LINGER);
});

for (const wish of WISHES) {
  Deno.test(`an origin may answer a ${wish} late`, async () => {
    const origin = new RtmpOrigin({ ignores: [wish] });
    await using world = await RtmpRelayWorld.open({ origins: [origin] });
    using client = await world.wanting(wish);
    await origin.hears(wish);
    await world.clock.pass(answer - 1);
    assert.equal(world.opened.length, 0);
    await origin.link.say(answerStatus(new Script(), startOf(wish)));
    await client.hears(`onStatus:${startOf(wish)}`);
    assert.equal(world.opened.length, 1);
    await world.clock.pass(1);
    assert.equal(world.refused.length, 0);
  });
}

Deno.test("a player waits for a stream that is not live yet, and gets it when it begins", async () => {
  const origin = new RtmpOrigin({ ignores: ["play"] });
  await using world = await RtmpRelayWorld.open({ origins: [origin] });
  using player = await world.wanting("play");
  await origin.hears("play");
  await world.clock.pass(answer);
  await world.opens();
  await world.clock.pass(answer);
  await origin.link.say(
    answerStatus(new Script(), startOf("play")).control(1, 4096)
      .message({ ...VIDEO, body: filler(9_000) }),
  );
  await player.hears("onStatus:NetStream.Play.Start");
  await player.sees("the stream", () => player.messages.some(({ type }) => type === 9));
  assert.equal(world.refused.length, 0);
});

Deno.test("a waiting player whose origin fails is disconnected, and finds another when it returns", async () => {
  const origins = [new RtmpOrigin({ ignores: ["play"] }), new RtmpOrigin()];
  await using world = await RtmpRelayWorld.open({ origins });
  using player = await world.wanting("play");
  await world.origin.hears("play");
  await world.clock.pass(answer);
  await world.opens();
  await world.origin[Symbol.asyncDispose]();
  await player.ends();
  player[Symbol.dispose]();
  assert.equal((await world.closes()).reason, "origin_closed");
  using _again = await world.begun("play");
  assert.deepEqual(world.opened.map(({ origin }) => origin), ["o0", "o1"]);
});

Deno.test("if an origin leaves before it has decided, the client is told and no other is tried", async () => {
  const origins = [new RtmpOrigin({ ignores: ["publish"] }), new RtmpOrigin()];
  await using world = await RtmpRelayWorld.open({ origins });
  using client = await world.wanting("publish");
  await world.origin.hears("publish");
  world.origin.link[Symbol.dispose]();
  await client.hears(FAILED.publish);
  assert.equal(world.refused[0]!.error.code, "origin_gone");
  assert.equal(origins[1]!.greetings, 0);
});

Deno.test("a refusal by an origin is passed on unchanged, and no other is tried", async () => {
  const origins = [new RtmpOrigin({ ignores: ["connect", "createStream"] }), new RtmpOrigin()];
  await using world = await RtmpRelayWorld.open({ origins });
  using client = await world.wanting("publish");
  const link = await world.origin.hears("connect");
  const rejection = { level: "error", code: "NetConnection.Connect.Rejected", description: "No" };
  await link.say(new Script().command(["_error", 1, null, rejection]));
  await client.hears("onStatus:NetConnection.Connect.Rejected");
  assert.equal(world.refused[0]!.error.message, "No");
  assert.deepEqual(world.refused[0]!.tried, [{ origin: "o0", code: "origin_refused" }]);
  assert.equal(origins[1]!.greetings, 0);
});

Deno.test("a stream that an origin refuses leaves no mapping", async () => {
  const origin = new RtmpOrigin({ ignores: ["publish"] });
  await using world = await RtmpRelayWorld.open({ origins: [origin] });
  using client = await world.wanting("publish");
  await origin.hears("publish");
  const code = "NetStream.Publish.BadName";
  await origin.link.say(answerStatus(new Script(), code, { level: "error" }));
  await client.hears(`onStatus:${code}`);
  assert.equal(world.refused[0]!.error.code, "origin_refused");
  assert.deepEqual(world.refused[0]!.tried, [{ origin: "o0", code: "origin_refused" }]);
  assert.equal(world.opened.length, 0);
  const { streams } = await world.registry.streams({ limit: 9 });
  assert.deepEqual(streams, []);
  client[Symbol.dispose]();
  await origin.link.ends();
});

Deno.test("connect is answered before any origin is known", async () => {
  await using world = await RtmpRelayWorld.open({ origins: [] });
  using client = await world.wanting("play");
  await client.hears("_result:NetConnection.Connect.Success");
  await client.hears(FAILED.play);
  assert.equal(world.refused[0]!.error.code, "no_origin");
});
