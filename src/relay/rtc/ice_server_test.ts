// WebRTC over TCP on either engine, with real sockets: a client gets what it would get over UDP,
// and no more.

import assert from "node:assert/strict";
import { corpusOf } from "../../../tests/support/corpus.ts";
import { framed, type IcePeer } from "../../../tests/support/ice_peer.ts";
import { IceWorld } from "../../../tests/support/ice_world.ts";
import { stunRequest } from "../../../tests/support/stun_message.ts";
import { UdpPeer } from "../../../tests/support/udp_peer.ts";
import { until } from "../../../tests/support/wait.ts";
import { isLibcKnown } from "../../net/udp/libc.ts";

const DROPPED = "srs_proxy_rtc_dropped_total";
const CLOSED = "srs_proxy_rtc_sessions_closed_total";

for (const engine of ["deno", "libc"] as const) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name: `${engine}: ${name}`, ignore: engine === "libc" && !isLibcKnown, fn });

  test("once a client has proved itself, everything is passed both ways unread", async () => {
    await using world = await IceWorld.open({ engine });
    const { media } = world;
    using client = await world.connect();
    await media.agree("a");
    const request = stunRequest({ user: "a:me", password: "aa" });
    await client.send(request);
    const { port: path, bytes } = await media.origin.next();
    assert.deepEqual(bytes, [...request], "without its frame");
    const datagrams = [[0x80, 1, 2], [22, 254, 253], [0, 1, 0, 0], [0xff], Array(1_200).fill(7)];
    for (const datagram of datagrams) {
      await client.send(Uint8Array.from(datagram));
      assert.deepEqual(await media.origin.next(), { bytes: datagram, port: path });
      await media.origin.send(Uint8Array.from(datagram), path);
      assert.deepEqual(await client.next(), datagram);
    }
    const [session] = media.sessions.list({ limit: 2 }).sessions;
    assert.equal(session?.client, `127.0.0.1:${client.port}`);
    assert.deepEqual([session?.protocol, session?.transport], ["rtc", "tcp"]);
    const sum = datagrams.flat().length;
    const { session: id } = session!;
    assert.deepEqual([...await media.relay.received([id])], [[id, sum]]);
    assert.deepEqual(media.errors, []);
  });

  test("a request that arrives byte by byte is read as one", async () => {
    await using world = await IceWorld.open({ engine });
    using client = await world.connect();
    await world.media.agree("a");
    const request = stunRequest({ user: "a:me", password: "aa" });
    for (const byte of framed(request)) await client.write(Uint8Array.of(byte));
    assert.deepEqual((await world.media.origin.next()).bytes, [...request]);
    const both = [...framed(Uint8Array.of(0x80, 1)), ...framed(Uint8Array.of(0x80, 2))];
    await client.write(Uint8Array.from(both));
    const heard = [await world.media.origin.next(), await world.media.origin.next()];
    assert.deepEqual(heard.map(({ bytes }) => bytes), [[0x80, 1], [0x80, 2]]);
  });

  test("a peer that is not a client is disconnected, at once or in time, without an answer", async () => {
    await using world = await IceWorld.open({ engine, startTimeout: 400 });
    let [malformed, unproved] = [0, 0];
    for (const { name, bytes } of corpusOf("ice_tcp")) {
      using stranger = await world.connect();
      await stranger.write(bytes);
      await stranger.closed();
      if (name.endsWith("_cut") && name !== "length_largest_cut") unproved++;
      else malformed++;
    }
    using silent = await world.connect();
    await silent.closed();
    unproved++;
    await world.media.agree("a");
    using liar = await world.connect();
    await liar.check("a", "wrong");
    await liar.closed();
    unproved++;
    await until("the counts", async () => await world.refused("unproved") === unproved);
    assert.equal(await world.refused("malformed"), malformed);
    await until("a drop", async () => await world.media.metric(DROPPED, "bad_integrity") === 1);
    assert.equal(world.media.origin.waiting, 0);
    assert.deepEqual(world.media.errors, []);
  });

  test("a peer that keeps sending requests for an unknown session is disconnected", async () => {
    await using world = await IceWorld.open({ engine });
    await world.media.agree("a");
    using liar = await world.connect();
    const request = framed(stunRequest({ user: "a:me", password: "wrong" }));
    const flood = new Uint8Array(request.length * 251);
    for (let at = 0; at < flood.length; at += request.length) flood.set(request, at);
    await liar.write(flood);
    await liar.closed();
    await until("it be counted", async () => await world.refused("unproved") === 1);
  });

  test("connections are limited per address", async () => {
    const limits = { maxConnections: 10, maxConnectionsPerAddress: 2 };
    await using world = await IceWorld.open({ engine, limits });
    await world.media.agree("a");
    using first = await world.connect();
    await world.start(first, "a");
    using _second = await world.connect();
    using third = await world.connect();
    await third.closed();
    assert.equal(await world.refused("limit_per_address"), 1);
    await first.send(Uint8Array.of(0x80));
    assert.deepEqual((await world.media.origin.next()).bytes, [0x80]);
  });

  test("datagrams that are too long are dropped and counted, and empty frames are ignored", async () => {
    await using world = await IceWorld.open({ engine });
    using client = await world.connect();
    await world.media.agree("a");
    await world.start(client, "a");
    for (const length of [65_535, 0, 2_049, 2_048]) {
      await client.send(new Uint8Array(length).fill(9));
    }
    assert.equal((await world.media.origin.next()).bytes.length, 2_048);
    await until("the drops", async () => await world.media.metric(DROPPED, "tcp_too_long") === 2);
  });

  test("a client that does not read loses datagrams but stays connected", async () => {
    await using world = await IceWorld.open({ engine });
    using client = await world.connect();
    await world.media.agree("a");
    const path = await world.start(client, "a");
    // The receiver's system buffers some megabytes first.
    const sent = await floodUntilDrops(world, path);
    const seen = await readUntil(client, world, path);
    assert.ok(seen < sent, `${seen} of ${sent}`);
    await client.send(Uint8Array.of(0x80, 5));
    assert.deepEqual((await world.media.origin.next()).bytes, [0x80, 5]);
    assert.equal(world.media.sessions.size, 1);
  });

  test("the connections of kicked and of silent clients are closed", async () => {
    await using world = await IceWorld.open({ engine, consentTimeout: 500 });
    const { media } = world;
    using kicked = await world.connect();
    await media.agree("a");
    await world.start(kicked, "a");
    const [session] = media.sessions.list({ limit: 1 }).sessions;
    assert.ok(media.relay.endSession(session!.session, "kicked"));
    await kicked.closed();
    assert.equal(await media.metric(CLOSED, 'reason="kicked"'), 1);
    using silent = await world.connect();
    await media.agree("b");
    await world.start(silent, "b");
    await silent.closed();
    await until("the end", () => media.sessions.size === 0);
    assert.equal(await media.metric(CLOSED, 'reason="consent_expired"'), 1);
    assert.equal(await world.refused("unproved"), 0);
  });

  test("a client that has lost its connection can return over another one, or over UDP", async () => {
    await using world = await IceWorld.open({ engine });
    const { media } = world;
    using first = await world.connect();
    await media.agree("a");
    const before = await world.start(first, "a");
    first.close();
    using second = await world.connect();
    const after = await world.start(second, "a");
    assert.notEqual(after, before, "it has a new path");
    await using udp = new UdpPeer();
    const third = await media.start(udp, "a");
    await media.origin.send(Uint8Array.of(1), after);
    await media.origin.send(Uint8Array.of(2), third);
    assert.deepEqual(await second.next(), [1]);
    assert.deepEqual((await udp.next()).bytes, [2]);
    assert.equal(media.sessions.size, 1);
  });

  test("a client that leaves for good ends its session, long before its consent expires", async () => {
    await using world = await IceWorld.open({ engine, consentTimeout: 3_000 });
    using client = await world.connect();
    await world.media.agree("a");
    await world.start(client, "a");
    client.close();
    await until("the end", () => world.media.sessions.size === 0);
    await until("no connection be left", () => world.server.connections === 0);
  });

  test("a connection passes to its client's restarted session", async () => {
    await using world = await IceWorld.open({ engine });
    const { media } = world;
    using client = await world.connect();
    await media.agree("a");
    const before = await world.start(client, "a");
    await media.agree("b");
    const after = await world.start(client, "b");
    assert.notEqual(after, before);
    await client.send(Uint8Array.of(0x80, 1));
    assert.equal((await media.origin.next()).port, after);
    await media.origin.send(Uint8Array.of(2), after);
    assert.deepEqual(await client.next(), [2]);
  });

  test("the port and its connections are closed with the relay", async () => {
    const world = await IceWorld.open({ engine });
    using client = await world.connect();
    try {
      await world.media.agree("a");
      await world.start(client, "a");
      await world.media.relay[Symbol.asyncDispose]();
      await client.closed();
      await assert.rejects(world.connect(), Deno.errors.ConnectionRefused);
    } finally {
      await world[Symbol.asyncDispose]();
    }
  });
}

/** Has the origin send until a datagram for its client is dropped. @returns how many were sent */
async function floodUntilDrops(world: IceWorld, path: number): Promise<number> {
  const datagram = new Uint8Array(1_200).fill(0x80);
  let sent = 0;
  await until("drops", async () => {
    for (let count = 0; count < 500; count++) await world.media.origin.send(datagram, path);
    sent += 500;
    return await world.media.metric(DROPPED, "tcp_full") > 0;
  }, { interval: 1, timeout: 30_000 });
  return sent;
}

/**
 * Reads until a datagram arrives that the origin has sent last. @returns how many came before it
 */
async function readUntil(client: IcePeer, world: IceWorld, path: number): Promise<number> {
  let seen = 0;
  let next: number[] = [];
  // It may be dropped until the client has made room by reading.
  const say = () => world.media.origin.send(Uint8Array.of(1, 2, 3), path);
  await say();
  while ((next = await client.next()).length !== 3) {
    assert.equal(next.length, 1_200, "frames stay whole");
    if (++seen % 100 === 0) await say();
  }
  return seen;
}
