// WebRTC over several lanes, among which the kernel distributes client addresses.

import assert from "node:assert/strict";
import { MediaWorld, type MediaWorldOptions } from "../../../tests/support/media_world.ts";
import { ForwarderWorld } from "../../../tests/support/forwarder_world.ts";
import { stunRequest } from "../../../tests/support/stun_message.ts";
import { UdpPeer } from "../../../tests/support/udp_peer.ts";
import { until } from "../../../tests/support/wait.ts";
import { isLibcKnown } from "../../net/udp/libc.ts";

const LANES = 3;
const CLOSED = "srs_proxy_rtc_sessions_closed_total";
const DROPPED = "srs_proxy_rtc_dropped_total";
/** Enough addresses that they are never all in one lane. */
const MANY = 24;

/** Runs a test with three lanes and `MANY` peers. */
async function withLanes(
  options: MediaWorldOptions,
  test: (world: MediaWorld, peers: readonly UdpPeer[]) => Promise<void>,
): Promise<void> {
  await using world = await MediaWorld.open({ ...options, engine: "libc", lanes: LANES });
  await using stack = new AsyncDisposableStack();
  await test(world, Array.from({ length: MANY }, () => stack.use(new UdpPeer())));
  assert.deepEqual(world.errors, []);
}

function lanesTest(
  name: string,
  test: (world: MediaWorld, peers: readonly UdpPeer[]) => Promise<void>,
  options: MediaWorldOptions = {},
): void {
  Deno.test({ name, ignore: !isLibcKnown, fn: () => withLanes(options, test) });
}

/** Checks that what the origin sends reaches a peer. */
async function hears(world: MediaWorld, peer: UdpPeer, path: number): Promise<void> {
  await world.origin.send(Uint8Array.of(7), path);
  assert.deepEqual((await peer.next()).bytes, [7]);
}

lanesTest("every lane finds the sessions of its clients", async (world, peers) => {
  for (const [index, peer] of peers.entries()) {
    await world.agree(`s${index}`);
    await hears(world, peer, await world.start(peer, `s${index}`));
  }
  assert.equal(world.sessions.size, MANY);
  const lanes = world.lanes.lanesThatTold("started");
  assert.deepEqual([...lanes].toSorted(), [1, 2, 3]);
  assert.equal(await world.metric(DROPPED), 0, "the first request of each was taken");
});

lanesTest("a client with addresses in several lanes is one session", async (world, peers) => {
  await world.agree("a");
  const paths: number[] = [];
  for (const peer of peers.slice(0, 8)) paths.push(await world.start(peer, "a"));
  assert.equal(new Set(paths).size, 8, "one socket for each address");
  for (const [index, path] of paths.entries()) await hears(world, peers[index]!, path);
  assert.ok(world.lanes.lanesThatTold("started").size > 1);
  assert.equal(await world.metric("srs_proxy_rtc_sessions_opened_total"), 1);
  const [session] = world.sessions.list({ limit: 2 }).sessions;
  const received = await world.relay.received([session!.session]);
  assert.deepEqual([...received], [[session!.session, 8]]);
  assert.equal(world.relay.endSession(session!.session, "kicked"), true);
  await until("the end", () => world.sessions.size === 0);
  assert.equal(await world.metric(CLOSED, "kicked"), 1);
  assert.equal(await world.metric(CLOSED), 1);
  for (const peer of peers.slice(0, 8)) {
    await peer.send(Uint8Array.of(0x80), world.relay.address.port);
  }
  await until("drops", async () => await world.metric(DROPPED, "unknown_address") === 8);
});

lanesTest("a client is listed where most of its media flows", async (world, peers) => {
  await world.agree("a");
  const paths: number[] = [];
  for (const peer of peers.slice(0, 8)) paths.push(await world.start(peer, "a"));
  assert.ok(world.lanes.lanesThatTold("started").size > 1);
  const isAt = (at: number) => {
    return world.sessions.list({ limit: 1 }).sessions[0]!.client === `127.0.0.1:${peers[at]!.port}`;
  };
  const media = Uint8Array.of(0x80);
  for (const [at, before] of [[0, 1], [2, 0], [7, 3], [4, 5], [3, 6]]) {
    // Its last media at one address and the first at another.
    await world.origin.send(media, paths[before!]!);
    await until("it have moved", async () => {
      await world.origin.send(media, paths[at!]!);
      return isAt(at!);
    });
  }
  await until("it be where more flows than elsewhere", async () => {
    for (const path of paths.slice(0, 8)) await world.origin.send(media, path);
    for (let more = 0; more < 16; more++) await world.origin.send(media, paths[6]!);
    return isAt(6);
  });
});

lanesTest("what flows in several lanes is added up for the session", async (world, peers) => {
  await world.agree("a");
  const { length } = stunRequest({ user: "a:me", password: "aa" });
  const flowed = () => world.sessions.list({ limit: 1 }).sessions[0]!.flowed;
  for (const peer of peers.slice(0, 8)) await hears(world, peer, await world.start(peer, "a"));
  assert.ok(world.lanes.lanesThatTold("started").size > 1);
  await until("all be told", () => flowed().bytesOut === 8 && flowed().bytesIn === 8 * length);
  assert.ok(flowed().bitsIn > flowed().bitsOut && flowed().bitsOut > 0);
  const lanes = world.lanes.lanesThatTold("started");
  world.lanes.fail([...lanes][0]!);
  await until("the rest be told", () => {
    const { bytesIn, bytesOut } = flowed();
    return bytesIn === 8 * length && bytesOut === 8;
  });
});

lanesTest(
  "a failing lane ends only its own sessions, and no other stream is disturbed",
  async (world, peers) => {
    const paths: number[] = [];
    for (const [index, peer] of peers.entries()) {
      await world.agree(`s${index}`);
      paths.push(await world.start(peer, `s${index}`));
    }
    // A session with addresses in all lanes outlives one of them.
    await world.agree("wide");
    for (const peer of peers.slice(0, 8)) await world.start(peer, "wide");
    const before = world.sessions.size;
    world.lanes.fail(2);
    const ended = await world.metric(CLOSED, "lane_failed");
    assert.ok(ended > 0 && ended < MANY, `${ended} sessions were there`);
    assert.equal(world.sessions.size, before - ended);
    const { sessions } = world.sessions.list({ limit: 100 });
    const left = sessions.map(({ stream }) => stream.split("/").at(-1)!);
    assert.ok(left.includes("wide"));
    const check = async () => {
      for (const [index, peer] of peers.entries()) {
        if (left.includes(`s${index}`)) await hears(world, peer, paths[index]!);
      }
    };
    await check();
    world.lanes.replace(2);
    await check();
    const again = peers.findIndex((_, index) => !left.includes(`s${index}`));
    await world.agree(`s${again}`);
    await hears(world, peers[again]!, await world.start(peers[again]!, `s${again}`));
  },
);

lanesTest(
  "a session that has not begun when its lane fails begins in another lane or the replacement",
  async (world, peers) => {
    await world.agree("a");
    for (const peer of peers) await world.check(peer, "a", "wrong");
    await until("all lanes know it", () => world.lanes.lanesThatTold("wanted").size === LANES);
    for (let lane = 1; lane <= LANES; lane++) {
      world.lanes.fail(lane);
      world.lanes.replace(lane);
    }
    await hears(world, peers[0]!, await world.start(peers[0]!, "a"));
  },
);

lanesTest(
  "sessions of other proxies are limited per address over all lanes together",
  async (world, peers) => {
    for (let index = 0; index < 6; index++) {
      await world.registry.putSession(world.session(`s${index}`), 60_000);
      await world.check(peers[index]!, `s${index}`);
    }
    await until("the drops", async () => await world.metric(DROPPED, "address_limit") === 4);
    assert.equal(world.sessions.size, 2);
  },
  { maxSessionsPerAddress: 2 },
);

lanesTest(
  "sockets are limited over all lanes together, and every session has its first",
  async (world, peers) => {
    await world.agree("wide");
    for (const peer of peers) await world.check(peer, "wide");
    await until("all of them", async () => {
      return world.origin.waiting + await world.metric(DROPPED) === MANY;
    });
    while (world.origin.waiting > 0) await world.origin.next();
    for (let index = 0; index < 3; index++) {
      await using peer = new UdpPeer();
      await world.agree(`s${index}`);
      await hears(world, peer, await world.start(peer, `s${index}`));
    }
  },
  { maxSessions: 4 },
);

lanesTest(
  "a session asked for too early is accepted once it has been negotiated",
  async (world, peers) => {
    await world.check(peers[0]!, "a");
    await until("the refusal", async () => await world.metric(DROPPED, "unknown_user") === 1);
    await world.agree("a");
    await world.check(peers[0]!, "a");
    await hears(world, peers[0]!, (await world.origin.next()).port);
  },
);

Deno.test("strangers do not block sessions of this process", () => {
  const world = new ForwarderWorld();
  for (let index = 0; index < 3_000; index++) {
    world.check(`stranger${index}`, `203.${index >> 8}.${index & 255}.1:${1 + index}`);
  }
  assert.ok(world.reported("wanted").length <= 500);
  for (let index = 0; index < 20; index++) {
    const at = `192.0.2.1:${5_000 + index}`;
    world.agree(`own${index}`);
    world.check(`own${index}`, at);
    world.check(`own${index}`, at);
    assert.equal(world.reported("wanted").filter((name) => name === `own${index}`).length, 1);
    world.open(`own${index}`);
    assert.equal(world.linkOf(`own${index}`, at)?.sent.length, 2, "both requests");
  }
});
