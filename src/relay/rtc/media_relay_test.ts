import assert from "node:assert/strict";
import { MediaWorld } from "../../../tests/support/media_world.ts";
import { stunRequest } from "../../../tests/support/stun_message.ts";
import { UdpPeer } from "../../../tests/support/udp_peer.ts";
import { until } from "../../../tests/support/wait.ts";
import { ProxyError } from "../../core/errors.ts";

const DROPPED = "srs_proxy_rtc_dropped_total";
const CLOSED = "srs_proxy_rtc_sessions_closed_total";
const ENGINES = Deno.build.os === "linux" ? ["libc", "deno"] as const : ["deno"] as const;

for (const engine of ENGINES) {
  Deno.test(`${engine}: once a client has proved itself, everything is passed both ways unread`, async () => {
    await using world = await MediaWorld.open({ engine });
    await using client = new UdpPeer();
    await world.agree("a");
    const path = await world.start(client, "a");
    const { port } = world.relay.address;
    for (const bytes of [[0x80, 1, 2], [22, 254, 253], [0, 1, 0, 0], [0xff]]) {
      await client.send(Uint8Array.from(bytes), port);
      assert.deepEqual(await world.origin.next(), { bytes, port: path });
      await world.origin.send(Uint8Array.from(bytes), path);
      assert.deepEqual(await client.next(), { bytes, port });
    }
    const [session] = world.sessions.list({ limit: 2 }).sessions;
    assert.equal(session?.stream, "__defaultVhost__/live/a");
    assert.equal(session?.client, `127.0.0.1:${client.port}`);
    assert.equal(session?.protocol, "rtc");
    assert.deepEqual(
      (await world.registry.streams({ limit: 5 })).streams.map(({ origin }) => origin),
      [
        "o",
      ],
    );
    const { session: id } = session!;
    const received = await world.relay.received([id, "nobody"]);
    assert.deepEqual([...received], [[id, 11]]);
    world.relay.end("a:me", "deleted");
    await until("the end", () => world.sessions.size === 0);
    assert.equal((await world.relay.received([id])).size, 0);
    assert.equal(await world.metric(CLOSED, 'reason="deleted"'), 1);
    await client.send(Uint8Array.of(0x80), port);
    await until("a drop", async () => await world.metric(DROPPED, "unknown_address") === 1);
    assert.equal(world.origin.waiting, 0);
    assert.deepEqual(world.errors, []);
  });
}

Deno.test("strangers get no answer, whatever they send, and are counted", async () => {
  await using world = await MediaWorld.open();
  await using stranger = new UdpPeer();
  await using client = new UdpPeer();
  await world.agree("a");
  const { port } = world.relay.address;
  const request = stunRequest({ user: "a:me", password: "aa" });
  await stranger.send(new Uint8Array(), port);
  await stranger.send(Uint8Array.of(0x80, 0x60, 0, 1), port);
  for (let length = 1; length < request.length; length++) {
    await stranger.send(request.subarray(0, length), port);
  }
  await world.check(stranger, "nobody");
  await world.check(stranger, "a", "wrong");
  // Datagrams are handled in order: when this one is answered, all the others have been decided on.
  const path = await world.start(client, "a");
  await world.origin.send(Uint8Array.of(1), path);
  assert.deepEqual((await client.next()).bytes, [1]);
  assert.equal(stranger.waiting, 0);
  assert.equal(world.origin.waiting, 0);
  await until("the counts", async () => await world.metric(DROPPED) === request.length + 3);
  assert.equal(await world.metric(DROPPED, "bad_integrity"), 1);
  assert.equal(await world.metric(DROPPED, "unknown_user"), 1);
});

Deno.test("when a client moves, the new address works at once and it keeps the old one", async () => {
  await using world = await MediaWorld.open();
  await using before = new UdpPeer();
  await using after = new UdpPeer();
  await world.agree("a");
  const first = await world.start(before, "a");
  const second = await world.start(after, "a");
  assert.notEqual(first, second, "the origin can tell the addresses apart, as without the proxy");
  await world.origin.send(Uint8Array.of(1), first);
  await world.origin.send(Uint8Array.of(2), second);
  assert.deepEqual((await before.next()).bytes, [1]);
  assert.deepEqual((await after.next()).bytes, [2]);
  assert.equal(world.sessions.size, 1);
  const listed = () => world.sessions.list({ limit: 2 }).sessions[0]!.client;
  assert.equal(listed(), `127.0.0.1:${before.port}`, "it has only proved itself elsewhere");
  for (const peer of [after, before]) {
    await peer.send(Uint8Array.of(0x80, 1), world.relay.address.port);
    await until("it be listed there", () => listed() === `127.0.0.1:${peer.port}`);
  }
});

Deno.test("a reused port belongs to the session that proved itself last", async () => {
  await using world = await MediaWorld.open();
  await using client = new UdpPeer();
  await world.agree("a");
  await world.agree("b");
  const first = await world.start(client, "a");
  const second = await world.start(client, "b");
  assert.notEqual(first, second);
  await client.send(Uint8Array.of(0x80), world.relay.address.port);
  assert.equal((await world.origin.next()).port, second);
  // A forged request for the old session does not win the port back.
  await world.check(client, "a", "wrong");
  await client.send(Uint8Array.of(0x81), world.relay.address.port);
  assert.deepEqual(await world.origin.next(), { bytes: [0x81], port: second });
});

Deno.test("a session continues if another one claims its address", async () => {
  await using world = await MediaWorld.open({ consentTimeout: 6_000 });
  await using client = new UdpPeer();
  const { port } = world.relay.address;
  await world.agree("victim");
  await world.agree("attacker");
  const path = await world.start(client, "victim");
  const rtp = Uint8Array.of(0x80, 96, 0, 1);
  await world.origin.send(rtp, path);
  await client.next();
  const other = await world.start(client, "attacker");
  for (let sent = 0; sent < 30; sent++) {
    await client.send(rtp, port);
    assert.deepEqual(await world.origin.next(), { bytes: [...rtp], port: path });
    await world.origin.send(rtp, path);
    assert.deepEqual((await client.next()).bytes, [...rtp]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(world.sessions.size, 2);
  // What cannot be told apart goes to both, through the engine and directly.
  await client.send(Uint8Array.of(1, 1, 0, 0), port);
  const heard = [await world.origin.next(), await world.origin.next()];
  assert.deepEqual(heard.map((datagram) => datagram.port).toSorted(), [path, other].toSorted());
});

Deno.test("a client that is silent, or only sends forged requests, is forgotten with its sockets", async () => {
  await using world = await MediaWorld.open({ consentTimeout: 1_500 });
  await using silent = new UdpPeer();
  await using forger = new UdpPeer();
  await using alive = new UdpPeer();
  for (const name of ["silent", "forger", "alive"]) await world.agree(name);
  await world.start(silent, "silent");
  await world.start(forger, "forger");
  const path = await world.start(alive, "alive");
  await until("two ends", async () => {
    await world.check(alive, "alive");
    await world.check(forger, "forger", "wrong");
    await world.origin.send(Uint8Array.of(1), path);
    return world.sessions.size === 1;
  }, { interval: 200 });
  assert.equal(await world.metric(CLOSED, "consent_expired"), 2);
});

Deno.test("a session whose origin falls silent ends", async () => {
  await using world = await MediaWorld.open({ consentTimeout: 1_000 });
  await using client = new UdpPeer();
  await world.agree("a");
  await world.start(client, "a");
  await until("the end", async () => {
    await world.check(client, "a");
    return await world.metric(CLOSED, "origin_gone") === 1;
  }, { interval: 100 });
});

Deno.test({
  name: "a session whose origin's host refuses datagrams ends sooner",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await MediaWorld.open({ engine: "libc" });
    await using client = new UdpPeer();
    await world.agree("a");
    await world.start(client, "a");
    await world.origin[Symbol.asyncDispose]();
    await until("the end", async () => {
      await world.check(client, "a");
      return await world.metric(CLOSED, "origin_gone") === 1;
    }, { interval: 100 });
  },
});

Deno.test("a session that never begins is forgotten without a log line", async () => {
  await using world = await MediaWorld.open({ startTimeout: 500, maxSessions: 1 });
  await world.agree("a");
  await assert.rejects(world.agree("b"), (error) => {
    return error instanceof ProxyError && error.code === "overloaded";
  });
  const unused = "srs_proxy_rtc_sessions_unused_total";
  await until("the end", async () => await world.metric(unused, "never_started") === 1);
  await world.agree("b");
  assert.equal(await world.metric(CLOSED), 0);
});

Deno.test("sessions are limited per address, whether begun or not", async () => {
  await using world = await MediaWorld.open({ maxSessionsPerAddress: 2, startTimeout: 1_000 });
  await using client = new UdpPeer();
  const isFull = (error: unknown) => error instanceof ProxyError && error.code === "overloaded";
  await world.agree("a");
  {
    using _wish = world.relay.reserve("127.0.0.1");
    await assert.rejects(world.agree("b"), isFull, "a reserved place counts too");
  }
  await world.agree("b");
  await assert.rejects(world.agree("c"), isFull);
  await world.agree("d", "192.0.2.2");
  await world.start(client, "a");
  const unused = "srs_proxy_rtc_sessions_unused_total";
  await until("those to go that did not begin", async () => await world.metric(unused) === 2);
  await world.agree("c");
  await assert.rejects(world.agree("e"), isFull, "the session that has begun still counts");
  world.relay.end("a:me", "deleted");
  await until("its end", () => world.sessions.size === 0);
  await world.agree("e");
});

Deno.test("a session whose media comes late still begins, and counts by the address that asked for it", async () => {
  await using world = await MediaWorld.open({ maxSessionsPerAddress: 1, startTimeout: 500 });
  const unused = "srs_proxy_rtc_sessions_unused_total";
  for (const name of ["a", "b"]) {
    await world.registry.putSession(await world.agree(name), 60_000);
    await until("the end", async () => await world.metric(unused) >= (name === "a" ? 1 : 2));
  }
  await using one = new UdpPeer();
  await using other = new UdpPeer();
  await world.start(one, "a");
  for (let tries = 0; tries < 3; tries++) await world.check(other, "b");
  await until("the refusals", async () => await world.metric(DROPPED, "unknown_user") >= 1);
  assert.equal(world.sessions.size, 1);
  assert.equal(world.origin.waiting, 0);
});

Deno.test("sessions of other proxies are counted by the address of their media", async () => {
  await using world = await MediaWorld.open({ maxSessionsPerAddress: 2 });
  const clients = Array.from({ length: 3 }, () => new UdpPeer());
  for (const name of ["a", "b", "c"]) await world.registry.putSession(world.session(name), 60_000);
  await world.start(clients[0]!, "a");
  await world.start(clients[1]!, "b");
  await world.start(clients[2]!, "b");
  await world.check(clients[2]!, "c");
  await until("the drop", async () => await world.metric(DROPPED, "address_limit") === 1);
  world.relay.end("a:me", "deleted");
  await until("room", () => world.sessions.size === 1);
  await world.start(clients[2]!, "c");
  for (const client of clients) await client[Symbol.asyncDispose]();
});

Deno.test("a session negotiated at another proxy is accepted with its client's first request", async () => {
  await using world = await MediaWorld.open();
  await using client = new UdpPeer();
  await world.registry.putSession(world.session("a"), 60_000);
  await world.check(client, "a");
  await world.origin.next();
  await until("the log", () => world.sessions.size === 1);
  world.relay.end("a:me", "deleted");
  await until("the record to go", async () => await world.registry.session("a:me") === undefined);
});

Deno.test("a client that cannot sign for another proxy's session does not open it here", async () => {
  await using world = await MediaWorld.open({ maxSessions: 1 });
  await using client = new UdpPeer();
  await world.registry.putSession(world.session("a"), 60_000);
  await world.check(client, "a", "wrong");
  await until("the drop", async () => await world.metric(DROPPED, "bad_integrity") === 1);
  await until("the end", async () => {
    return await world.metric("srs_proxy_rtc_sessions_unused_total", "never_started") === 1;
  });
  await world.start(client, "a");
});

Deno.test("the password of a running session cannot be changed", async () => {
  await using world = await MediaWorld.open();
  await using client = new UdpPeer();
  await world.agree("a");
  using place = world.relay.reserve("192.0.2.2");
  const other = { ...world.session("a"), password: "another" };
  await assert.rejects(world.relay.open(other, place), (error) => {
    return error instanceof ProxyError && error.code === "bad_request";
  });
  await world.start(client, "a");
});

Deno.test("a session that is ending cannot be opened again", async () => {
  await using world = await MediaWorld.open();
  await using client = new UdpPeer();
  await world.agree("a");
  await world.start(client, "a");
  world.relay.end("a:me", "deleted");
  await assert.rejects(world.agree("a"), (error) => {
    return error instanceof ProxyError && error.code === "bad_request";
  });
  await until("room", () => world.agree("a").then(() => true, () => false));
  await world.start(client, "a");
});

Deno.test("a session is kicked by its id, and a new one can begin after it", async () => {
  await using world = await MediaWorld.open();
  await using client = new UdpPeer();
  await world.agree("a");
  await world.start(client, "a");
  const [session] = world.sessions.list({ limit: 1 }).sessions;
  assert.equal(world.relay.endSession("unknown", "kicked"), false);
  assert.equal(world.relay.endSession(session!.session, "kicked"), true);
  await until("the end", () => world.sessions.size === 0);
  assert.equal(await world.metric(CLOSED, "kicked"), 1);
  await world.agree("b");
  await world.start(client, "b");
});

Deno.test("while the process drains, sessions continue and none begins", async () => {
  await using world = await MediaWorld.open();
  await using client = new UdpPeer();
  await world.agree("a");
  await world.start(client, "a");
  await world.agree("late");
  world.relay.drain();
  await assert.rejects(world.agree("b"), (error) => {
    return error instanceof ProxyError && error.code === "draining";
  });
  await client.send(Uint8Array.of(0x80), world.relay.address.port);
  assert.deepEqual((await world.origin.next()).bytes, [0x80]);
  const unused = "srs_proxy_rtc_sessions_unused_total";
  await until("the unused one to go", async () => await world.metric(unused) === 1);
  world.relay.kill();
  await world.relay.idle();
  assert.equal(await world.metric(CLOSED, "shutdown"), 1);
});

Deno.test("the first request of every session is accepted, however many begin at once", async () => {
  const sessions = 600;
  await using world = await MediaWorld.open({
    maxSessions: sessions,
    maxSessionsPerAddress: sessions,
  });
  await using clients = new AsyncDisposableStack();
  const begin = async (index: number) => {
    const client = clients.use(new UdpPeer());
    await world.agree(`s${index}`);
    await world.check(client, `s${index}`);
  };
  // In waves, so that sessions are opened while requests of others arrive.
  const waves = Array.from({ length: 20 }, async (_, wave) => {
    for (let index = wave; index < sessions; index += 20) await begin(index);
  });
  await Promise.all(waves);
  for (let heard = 0; heard < sessions; heard++) await world.origin.next();
  assert.equal(await world.metric(DROPPED), 0);
});
