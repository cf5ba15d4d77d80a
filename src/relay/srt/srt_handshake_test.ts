// Handshakes packet by packet: a caller's packets prove nothing against an origin, every address of
// an origin is asked, and no origin is left with a caller that has gone.

import assert from "node:assert/strict";
import { readHandshake, shutdownOf, SrtWorld } from "../../../tests/support/srt_world.ts";
import { srtHandshake, srtInduction } from "../../../tests/support/srt_packets.ts";
import { UdpPeer } from "../../../tests/support/udp_peer.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { until } from "../../../tests/support/wait.ts";
import { freePort } from "../../../tests/support/ports.ts";
import { encodeShutdown } from "../../protocol/srt/packet.ts";

const DROPPED = "srs_proxy_srt_dropped_total";
const REFUSED = "srs_proxy_srt_refused_total";
const PUBLISH = { streamId: "#!::r=live/show,m=publish" };

/** The origins of all mapped streams. */
async function owners(world: SrtWorld): Promise<string[]> {
  const { streams } = await world.registry.streams({ limit: 10 });
  return streams.map(({ origin }) => origin);
}

Deno.test("an unanswered conclusion moves no stream and sets no origin aside", async () => {
  const clock = new VirtualClock();
  await using world = await SrtWorld.open({ clock });
  const owner = await world.addOrigin("owner");
  const publisher = await world.caller(1);
  await publisher.conclude(PUBLISH);
  await owner.letIn(77);
  assert.equal((await publisher.answer()).type, -1);
  await until("the stream", async () => (await owners(world))[0] === "owner");
  const other = await world.addOrigin("other");
  // An origin may leave a conclusion unanswered for any reason; the proxy cannot tell these apart.
  const stranger = await world.caller(2);
  await stranger.conclude(PUBLISH);
  await owner.answerInduction();
  const asked = await owner.conclusion();
  await clock.pass(250);
  assert.deepEqual((await owner.next()).bytes.slice(40), asked.bytes.slice(40), "asked again");
  await clock.pass(2_500);
  assert.equal(stranger.peer.waiting, 0);
  await clock.pass(250);
  assert.equal((await stranger.answer()).type, 2502);
  await until("the count", async () => {
    return await world.metric(REFUSED, 'reason="origin_timeout"') === 1;
  });
  assert.deepEqual(await world.setAside(), []);
  assert.deepEqual(await owners(world), ["owner"]);
  assert.equal(other.waiting, 0, "no other origin was asked");
  assert.equal(world.sessions.size, 1);
  assert.equal(await world.metric("srs_proxy_origin_dials_total", 'result="origin_timeout"'), 0);
  assert.deepEqual(world.errors, []);
});

Deno.test("handshakes that listeners do not answer, or not survive, are refused by the proxy", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o");
  const wrong = [
    ...[{ flowWindow: 0 }, { flowWindow: 1 }, { flowWindow: 0xffffffff }],
    ...[{ mss: 0 }, { mss: 20 }, { mss: 107 }, { mss: 575 }, { mss: 0x80000000 }],
    ...[{ sequence: 0x7fffffff }, { sequence: 0xffffffff }],
    { extensions: [{ type: 99, data: new Uint8Array(1400) }] },
  ];
  for (const [index, fields] of wrong.entries()) {
    const caller = await world.caller(index + 1);
    await caller.conclude({ ...PUBLISH, ...fields });
    assert.equal((await caller.answer()).type, 1004, JSON.stringify(fields));
  }
  await until("the counts", async () => {
    return await world.metric(DROPPED, 'reason="bad_handshake"') === wrong.length;
  });
  // A caller that gives no socket id to answer to gets no answer.
  const nobody = await world.caller(50);
  await nobody.send(srtHandshake({ type: -1, socketId: 0, cookie: nobody.cookie }));
  await nobody.begin();
  assert.equal(nobody.peer.waiting, 0);
  assert.equal(origin.waiting, 0);
  assert.deepEqual(await owners(world), []);
});

Deno.test("only callers' inductions are answered: two listeners would answer each other forever", async () => {
  await using world = await SrtWorld.open();
  await using listener = new UdpPeer();
  const { port } = world.relay.address;
  const fields = { version: 4, extensionField: 2, type: 1, socketId: 5 };
  for (
    const changed of [
      ...[{ socketId: 0 }, { cookie: 9 }, { version: 5 }],
      ...[{ version: 5, extensionField: 0x4a17, cookie: 9 }, { extensionField: 0x4a17 }],
    ]
  ) await listener.send(srtHandshake({ ...fields, ...changed }), port);
  await until("the count", async () => await world.metric(DROPPED, 'reason="malformed"') === 5);
  assert.equal(listener.waiting, 0);
  await listener.send(srtInduction(5), port);
  assert.equal(readHandshake(await listener.next()).type, 1);
});

Deno.test("four origins and eight addresses are asked for one caller, and no more", async () => {
  await using world = await SrtWorld.open({ maxSessions: 10 });
  // Nothing listens at these, and the host says so at once.
  const dead = Array.from({ length: 5 }, () => [freePort(), freePort(), freePort()]);
  for (const [index, ports] of dead.entries()) await world.register(`dead${index}`, ports);
  const caller = await world.caller(5);
  await caller.conclude(PUBLISH);
  assert.equal((await caller.answer()).type, 2502);
  // Three addresses of the first origin, and as many of the others as leave one for each of four.
  assert.equal((await world.setAside()).length, 4);
  assert.equal(await world.metric("srs_proxy_origin_dials_total", "origin_unreachable"), 4);

  await using few = await SrtWorld.open();
  for (let count = 0; count < 6; count++) await few.register(`dead${count}`, [freePort()]);
  const patient = await few.caller(5);
  await patient.conclude(PUBLISH);
  assert.equal((await patient.answer()).type, 2502);
  assert.equal((await few.setAside()).length, 4);
});

Deno.test("an origin is reached at any of its addresses", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o", 3);
  await world.register("o", [freePort(), ...origin.peers.map(({ port }) => port)]);
  const caller = await world.caller(5);
  await caller.conclude(PUBLISH);
  // The first refuses, the second and third say nothing: all are asked, the last one answers.
  const asked = await origin.answerInduction(2);
  assert.equal(readHandshake(asked).socketId, 5);
  assert.ok(origin.peers[0]!.waiting > 0, "the second was asked");
  assert.ok(origin.peers[1]!.waiting > 0, "the third was asked");
  await origin.decide(await origin.conclusion(2), { socketId: 77 });
  assert.equal((await caller.answer()).socketId, 77);
  assert.deepEqual(await world.setAside(), []);
  await caller.send(encodeShutdown(77));
  assert.equal(shutdownOf(await origin.next(2)), 77);
});

Deno.test("a silent origin is set aside and the next one is tried", async () => {
  const clock = new VirtualClock();
  await using world = await SrtWorld.open({ clock });
  const silent = await world.addOrigin("silent", 2);
  const caller = await world.caller(5);
  await caller.conclude(PUBLISH);
  await silent.next();
  const other = await world.addOrigin("other");
  await clock.pass(1_000);
  await other.letIn(77);
  assert.equal((await caller.answer()).socketId, 77);
  assert.deepEqual(await world.setAside(), ["silent"]);
  assert.deepEqual(await owners(world), ["other"]);
});

for (const reason of ["origin_down", "stream_moved"] as const) {
  Deno.test(`a caller whose origin is still being asked goes to the next one: ${reason}`, async () => {
    const clock = new VirtualClock();
    await using world = await SrtWorld.open({ clock });
    const silent = await world.addOrigin("silent");
    const caller = await world.caller(5);
    await caller.conclude(PUBLISH);
    await silent.next();
    const other = await world.addOrigin("other");
    assert.equal(world.relay.endSession("s1", reason), true);
    await clock.pass(1_000);
    await other.letIn(77);
    assert.equal((await caller.answer()).socketId, 77);
    assert.deepEqual(await owners(world), ["other"]);
  });
}

Deno.test("an origin that accepts too late, or twice, is told that the caller has gone", async () => {
  const clock = new VirtualClock();
  await using world = await SrtWorld.open({ clock });
  const origin = await world.addOrigin("o");
  const late = await world.caller(5);
  await late.conclude(PUBLISH);
  await origin.answerInduction();
  const conclusion = await origin.conclusion();
  await clock.pass(3_000);
  assert.equal((await late.answer()).type, 2502);
  await origin.decide(conclusion, { socketId: 71 });
  let last = await origin.next();
  while (shutdownOf(last) === undefined) last = await origin.next();
  assert.equal(shutdownOf(last), 71);
  assert.equal(last.port, conclusion.port);

  // Two answers to one conclusion: the second socket is shut down, the first stays.
  const twice = await world.caller(6);
  await twice.conclude(PUBLISH);
  const { port } = await origin.letIn(72);
  const open = { peer: origin.peers[0]!, port, bytes: [...srtInduction(6)] };
  assert.equal((await twice.answer()).socketId, 72);
  await origin.decide(open, { socketId: 72 });
  await origin.decide(open, { socketId: 73 });
  assert.equal(shutdownOf(await origin.next()), 73);
  assert.equal(twice.peer.waiting, 0, "the caller is not affected");
  await twice.send(encodeShutdown(72));
  assert.equal(shutdownOf(await origin.next()), 72);
  await clock.pass(50);
  await until("the end", () => world.sessions.size === 0);
  await origin.decide(open, { socketId: 74 });
  assert.equal(shutdownOf(await origin.next()), 74);
});

Deno.test("one of two calls of a client with the same socket id at different origins is refused", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o");
  const first = await world.caller(5);
  await first.conclude({ streamId: "live/a" });
  await origin.letIn(77);
  assert.equal((await first.answer()).socketId, 77);
  const second = await world.caller(6, first.peer);
  await second.conclude({ streamId: "live/b" });
  const { port } = await origin.letIn(77);
  assert.equal((await second.answer()).type, 1003);
  const told = await origin.next();
  assert.deepEqual([shutdownOf(told), told.port], [77, port]);
  assert.deepEqual(await world.setAside(), []);
  await until("the first session alone", () => world.sessions.size === 1);
});

Deno.test("a publisher is refused when the origin hangs up before the publisher is told", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o");
  const caller = await world.caller(5);
  await caller.conclude(PUBLISH);
  const { port } = await origin.letIn(77);
  await origin.peers[0]!.send(encodeShutdown(5), port);
  const { type } = await caller.answer();
  // Whichever came first, the publisher has been told.
  if (type === -1) assert.equal(shutdownOf(await caller.peer.next()), 5);
  else assert.equal(type, 2502);
  await until("the end", () => world.sessions.size === 0);
});

Deno.test("a refused caller is forgotten, however often it asks", async () => {
  const clock = new VirtualClock();
  await using world = await SrtWorld.open({ maxSessions: 1, clock });
  const caller = await world.caller(5);
  const other = await world.caller(6);
  const answers: number[] = [];
  for (let time = 0; time < 5_000; time += 500) {
    await caller.conclude(PUBLISH);
    assert.equal((await caller.answer()).type, 2503, "no origin");
    await clock.pass(500);
    await other.conclude(PUBLISH);
    answers.push((await other.answer()).type);
    if (answers.at(-1) === 2503) break;
  }
  assert.deepEqual(answers, [...new Array(answers.length - 1).fill(2402), 2503]);
  assert.ok(answers.length > 5, "the refusal was repeated for a while");
});

Deno.test("a device that restarts with the same port and socket id gets a new session", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o");
  const device = await world.caller(5);
  await device.conclude(PUBLISH);
  await origin.letIn(77);
  assert.equal((await device.answer()).socketId, 77);
  // The same conclusion gets the same answer; a different one starts over.
  await device.conclude(PUBLISH);
  assert.equal((await device.answer()).socketId, 77);
  await device.begin();
  await device.conclude({ ...PUBLISH, sequence: 99 });
  let told = await origin.next();
  while (shutdownOf(told) === undefined) told = await origin.next();
  assert.equal(shutdownOf(told), 77);
  await origin.letIn(78);
  assert.equal((await device.answer()).socketId, 78);
  await until("one session", () => world.sessions.size === 1);
});

Deno.test("callers that are still waiting are told when the proxy ends", async () => {
  await using world = await SrtWorld.open();
  const origin = await world.addOrigin("o");
  const caller = await world.caller(5);
  await caller.conclude(PUBLISH);
  await origin.answerInduction();
  await until("the wish", async () => await world.metric("srs_proxy_origin_dials_total") === 1);
  world.relay.kill();
  assert.equal((await caller.answer()).type, 2503);
  await until("the count", async () => await world.metric(REFUSED, 'reason="draining"') === 1);
});

Deno.test("a proxy that is its own origin calls itself only a few times", async () => {
  await using world = await SrtWorld.open();
  await world.register("itself", [world.relay.address.port]);
  const caller = await world.caller(5);
  await caller.conclude(PUBLISH);
  assert.equal((await caller.answer()).type, 2502);
  await until("the dials", async () => {
    return await world.metric("srs_proxy_origin_dials_total", 'result="reached"') === 4;
  });
  await until("the count", async () => await world.metric(DROPPED, 'reason="loop"') === 1);
  await until("all to end", async () => await world.metric(REFUSED) === 4);
  assert.deepEqual(world.errors, []);
});
