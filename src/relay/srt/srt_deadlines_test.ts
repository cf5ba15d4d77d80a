// Deadlines of sessions: what the relay does when a side is silent, and how it ends sessions. The
// test moves the clock; nothing waits for anything but packets.

import assert from "node:assert/strict";
import {
  type AtOrigin,
  readHandshake,
  shutdownOf,
  type SrtCaller,
  type SrtOrigin,
  SrtWorld,
  type SrtWorldOptions,
} from "../../../tests/support/srt_world.ts";
import { UdpPeer } from "../../../tests/support/udp_peer.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { until } from "../../../tests/support/wait.ts";
import type { SessionClosed, SessionLog, SessionRefused } from "../../core/contracts.ts";
import { encodeShutdown } from "../../protocol/srt/packet.ts";
import { NO_SESSION_LOG } from "../../../tests/support/no_session_log.ts";

const DROPPED = "srs_proxy_srt_dropped_total";
const REFUSED = "srs_proxy_srt_refused_total";
const CLOSED = "srs_proxy_srt_sessions_closed_total";
const PUBLISH = { streamId: "#!::r=live/show,m=publish" };
const OTHER = { streamId: "#!::r=live/other,m=publish" };

/** Opens a relay with one origin and a clock of its own. */
async function open(
  options: SrtWorldOptions = {},
): Promise<{ clock: VirtualClock; world: SrtWorld; origin: SrtOrigin }> {
  const clock = new VirtualClock();
  const world = await SrtWorld.open({ ...options, clock });
  return { clock, world, origin: await world.addOrigin("o") };
}

/** A session between a caller and an origin. */
interface Session {
  readonly caller: SrtCaller;
  readonly socketId: number;
  /** The origin's socket id, and the address at which it knows the caller. */
  readonly originSocket: number;
  readonly at: AtOrigin;
}

/** Connects a new caller; the origin's socket id is the caller's plus 100. */
async function begin(
  { world, origin }: { readonly world: SrtWorld; readonly origin: SrtOrigin },
  socketId: number,
  conclusion = PUBLISH,
): Promise<Session> {
  const caller = await world.caller(socketId);
  await caller.conclude(conclusion);
  const originSocket = socketId + 100;
  const at = await origin.letIn(originSocket);
  assert.equal((await caller.answer()).socketId, originSocket);
  return { caller, socketId, originSocket, at };
}

function keepAlive(socket: number): Uint8Array {
  return encodeShutdown(socket).with(1, 1);
}

async function fromCaller({ caller, originSocket, at }: Session): Promise<void> {
  await caller.send(keepAlive(originSocket));
  assert.deepEqual((await at.peer.next()).bytes, [...keepAlive(originSocket)]);
}

async function fromOrigin({ caller, socketId, at }: Session): Promise<void> {
  await at.peer.send(keepAlive(socketId), at.port);
  assert.deepEqual((await caller.peer.next()).bytes, [...keepAlive(socketId)]);
}

/** Checks that the next packet to either side is a shutdown. */
async function assertBothTold({ caller, socketId, originSocket, at }: Session): Promise<void> {
  assert.equal(shutdownOf(await caller.peer.next()), socketId, "the caller is told");
  const told = await at.peer.next();
  assert.deepEqual([shutdownOf(told), told.port], [originSocket, at.port], "the origin is told");
}

Deno.test("a session ends when one side is silent for too long, and both are told", async () => {
  const parts = await open({ idleTimeout: 5_000 });
  const { clock } = parts;
  await using world = parts.world;
  const talk = [
    [fromCaller, "origin_gone"],
    [fromOrigin, "client_silent"],
  ] as const;
  for (const [index, [say, reason]] of talk.entries()) {
    const session = await begin(parts, 5 + index);
    // As long as both sides send, nothing ends.
    for (let time = 0; time < 10_000; time += 1_000) {
      await fromCaller(session);
      await fromOrigin(session);
      await clock.pass(1_000);
    }
    for (let time = 0; time < 4_000; time += 1_000) {
      await say(session);
      await clock.pass(1_000);
    }
    assert.equal(world.sessions.size, 1);
    await say(session);
    await clock.pass(2_000);
    await assertBothTold(session);
    assert.equal(world.sessions.size, 0);
    assert.equal(await world.metric(CLOSED, `reason="${reason}"`), 1);
  }
  assert.deepEqual(world.errors, []);
});

Deno.test("a kicked session ends at once: both sides are told, and later packets are dropped", async () => {
  const parts = await open();
  const { clock, origin } = parts;
  await using world = parts.world;
  const kicked = await begin(parts, 5);
  const other = await begin(parts, 6, OTHER);
  assert.equal(world.relay.endSession("s9", "kicked"), false);
  assert.equal(world.relay.endSession("s1", "kicked"), true);
  await assertBothTold(kicked);
  await until("the end", () => world.sessions.size === 1);
  assert.equal(world.relay.endSession("s1", "kicked"), false);
  assert.equal(await world.metric(CLOSED, 'reason="kicked"'), 1);
  await kicked.caller.send(keepAlive(kicked.originSocket));
  await fromCaller(other);
  assert.equal(origin.waiting, 0);
  await clock.pass(1_000);
  assert.equal(await world.metric(DROPPED, 'reason="unknown_socket"'), 1);
});

const ENDED = [
  ["kicked", 2403, "kicked"],
  ["origin_down", 2502, "origin_gone"],
  ["stream_moved", 2502, "origin_gone"],
] as const;

for (const [reason, reject, code] of ENDED) {
  Deno.test(`a caller on the way to its origin is told why it is ended: ${reason}`, async () => {
    const { world: opened, origin } = await open();
    await using world = opened;
    const greeting = await world.caller(7);
    await greeting.conclude(PUBLISH);
    await origin.answerInduction();
    const asked = await origin.conclusion();
    assert.equal(world.relay.endSession("s1", reason), true);
    assert.equal((await greeting.answer()).type, reject);
    await until("the refusal be counted", async () => {
      return await world.metric("srs_proxy_srt_refused_total", `reason="${code}"`) === 1;
    });
    assert.deepEqual(await world.streams(), []);
    assert.deepEqual(await world.setAside(), []);
    // An origin that accepts the caller afterwards is told that it has gone.
    await origin.decide(asked, { socketId: 77 });
    assert.equal(shutdownOf(await origin.next()), 77);
    assert.deepEqual(world.errors, []);
  });
}

Deno.test("a draining relay accepts no new callers, and is idle when the last session has ended", async () => {
  const parts = await open();
  const { clock, origin } = parts;
  await using world = parts.world;
  const session = await begin(parts, 5);
  const early = await world.caller(6);
  await early.conclude(OTHER);
  await origin.answerInduction();
  const late = await world.caller(7);
  let isIdle = false;
  world.relay.drain();
  const idle = world.relay.idle().then(() => isIdle = true);
  await clock.pass(0);
  await late.conclude(OTHER);
  assert.equal((await late.answer()).type, 2503);
  // Earlier callers continue.
  await origin.decide(await origin.conclusion(), { socketId: 106 });
  assert.equal((await early.answer()).socketId, 106);
  await fromCaller(session);
  await early.send(encodeShutdown(106));
  assert.equal(shutdownOf(await origin.next()), 106);
  await clock.pass(1_000);
  assert.equal(await world.metric(DROPPED, 'reason="draining"'), 1);
  assert.equal(isIdle, false);
  await session.caller.send(encodeShutdown(105));
  assert.equal(shutdownOf(await origin.next()), 105);
  await clock.pass(50);
  await idle;
  assert.equal(await world.metric(CLOSED, 'reason="client_closed"'), 2);
});

Deno.test("a relay whose port others take over ends its sessions when it drains", async () => {
  const parts = await open({ leavesPort: true });
  await using world = parts.world;
  const session = await begin(parts, 5);
  world.relay.drain();
  await assertBothTold(session);
  await world.relay.idle();
  assert.equal(await world.metric(CLOSED, 'reason="shutdown"'), 1);
});

Deno.test("a full relay refuses callers until a session has ended", async () => {
  const parts = await open({ maxSessions: 2, maxSessionsPerAddress: 1 });
  const { clock, world, origin } = parts;
  await using _world = world;
  const first = await begin(parts, 5);
  const second = await world.caller(6);
  await second.conclude(OTHER);
  assert.equal((await second.answer()).type, 2402, "its address has one");
  await using elsewhere = new UdpPeer("127.0.0.2");
  const third = await world.caller(7, elsewhere);
  await third.conclude(OTHER);
  await origin.letIn(107);
  assert.equal((await third.answer()).socketId, 107);
  await using far = new UdpPeer("127.0.0.3");
  const fourth = await world.caller(8, far);
  await fourth.conclude(OTHER);
  assert.equal((await fourth.answer()).type, 2402, "there are two");
  await clock.pass(1_000);
  for (const reason of ["session_limit", "address_limit"]) {
    assert.equal(await world.metric(DROPPED, `reason="${reason}"`), 1, reason);
  }
  await first.caller.send(encodeShutdown(105));
  assert.equal(shutdownOf(await origin.next()), 105);
  await clock.pass(50);
  await fourth.conclude(OTHER);
  await origin.letIn(108);
  assert.equal((await fourth.answer()).socketId, 108);
});

Deno.test("a caller that repeats its conclusion is one call, and gets the same answer with the current time", async () => {
  const parts = await open();
  const { clock, world, origin } = parts;
  await using _world = world;
  const caller = await world.caller(5);
  for (let count = 0; count < 3; count++) await caller.conclude(PUBLISH);
  await origin.answerInduction();
  const conclusion = await origin.conclusion();
  await caller.conclude(PUBLISH);
  await clock.pass(200);
  await origin.decide(conclusion, { socketId: 77, timestamp: 1_000 });
  const first = await caller.peer.next();
  await clock.pass(300);
  await caller.conclude(PUBLISH);
  const second = await caller.peer.next();
  assert.equal(readHandshake(second).socketId, 77);
  const times = [first, second].map(({ bytes }) => new DataView(Uint8Array.from(bytes).buffer))
    .map((view) => view.getUint32(8));
  assert.deepEqual(times, [1_000, 301_000]);
  assert.deepEqual(second.bytes.with(8, 0).with(9, 0).with(10, 0).with(11, 0).slice(0, 64), [
    ...first.bytes.with(8, 0).with(9, 0).with(10, 0).with(11, 0).slice(0, 64),
  ]);
  assert.equal(world.sessions.size, 1);
  assert.equal(origin.waiting, 0, "the origin was asked once");
});

Deno.test("a cookie is valid in the minute after its own, and no longer", async () => {
  const clock = new VirtualClock();
  await using world = await SrtWorld.open({ clock });
  const [next, late] = [await world.caller(5), await world.caller(6)];
  await clock.pass(60_000);
  await next.conclude(PUBLISH);
  assert.equal((await next.answer()).type, 2503, "there is no origin");
  await clock.pass(60_000);
  await late.conclude(PUBLISH);
  await late.begin();
  assert.equal(late.peer.waiting, 0, "nothing but a new cookie");
  await clock.pass(1_000);
  assert.equal(await world.metric(DROPPED, 'reason="bad_cookie"'), 1);
  await late.conclude(PUBLISH);
  assert.equal((await late.answer()).type, 2503);
});

Deno.test("an origin's refusal is passed on with its reason, for as long as a caller asks", async () => {
  const refused: SessionRefused[] = [];
  const sessions: SessionLog = {
    ...NO_SESSION_LOG,
    refused: (event) => refused.push(event),
  };
  const { clock, world, origin } = await open({ sessions });
  await using _world = world;
  const caller = await world.caller(5);
  await caller.conclude(PUBLISH);
  await origin.answerInduction();
  await origin.decide(await origin.conclusion(), { type: 2403, socketId: 0 });
  assert.equal((await caller.answer()).type, 2403);
  for (let time = 0; time < 3_000; time += 500) {
    await clock.pass(500);
    await caller.conclude(PUBLISH);
    assert.equal((await caller.answer()).type, 2403);
  }
  assert.equal(origin.waiting, 0, "the origin was asked once");
  assert.equal(await world.metric(REFUSED, 'reason="origin_refused"'), 1);
  const [{ error, tried }] = refused as [SessionRefused];
  assert.deepEqual(tried, [{ origin: "o", code: "origin_refused" }]);
  assert.equal((error.cause as Error).message, "Reject reason 1403");
  assert.deepEqual(await world.setAside(), []);
  // After that it is a new call.
  await clock.pass(1_000);
  await caller.conclude(PUBLISH);
  await origin.letIn(77);
  assert.equal((await caller.answer()).socketId, 77);
});

Deno.test("a silent origin delays only its own caller", async () => {
  const parts = await open();
  const { clock, world, origin } = parts;
  await using _world = world;
  const session = await begin(parts, 5);
  await using silent = new UdpPeer();
  await world.register("o", []);
  await world.register("silent", [silent.port]);
  const waiting = await world.caller(6);
  await waiting.conclude(OTHER);
  assert.equal(readHandshake(await silent.next()).type, 1);
  await world.register("o", origin.peers.map(({ port }) => port));
  const begun = clock.now();
  await fromCaller(session);
  const viewer = await world.caller(7);
  await viewer.conclude({ streamId: "live/show" });
  await origin.letIn(107);
  assert.equal((await viewer.answer()).socketId, 107);
  assert.equal(clock.now(), begun, "no time has passed");
  // Asked three times from one socket; then the other origin gets the caller.
  await clock.pass(750);
  await origin.letIn(106);
  assert.equal((await waiting.answer()).socketId, 106);
  assert.equal(silent.waiting, 2);
  assert.deepEqual(await world.setAside(), ["silent"]);
});

Deno.test("answers that come ten seconds late are ignored", async () => {
  const parts = await open();
  const { clock, world, origin } = parts;
  await using _world = world;
  const caller = await world.caller(5);
  await caller.conclude(PUBLISH);
  await origin.answerInduction();
  const conclusion = await origin.conclusion();
  await clock.pass(3_000);
  assert.equal((await caller.answer()).type, 2502);
  const listening = async (socketId: number) => {
    await origin.decide(conclusion, { socketId });
    // Packets arrive in order: anything from the relay itself comes before what another caller
    // sends through it.
    const other = await world.caller(socketId);
    await other.conclude(OTHER);
    let isTold = false;
    while (true) {
      const packet = await origin.next();
      const told = shutdownOf(packet);
      if (told === undefined && readHandshake(packet).socketId === socketId) return isTold;
      isTold ||= told === socketId;
    }
  };
  assert.equal(await listening(71), true);
  await clock.pass(11_000);
  assert.equal(await listening(72), false);
});

Deno.test("the list of sessions tells how much flows both ways, and how fast", async () => {
  const { clock, world, origin } = await open();
  await using _world = world;
  const session = await begin({ world, origin }, 5);
  for (let second = 0; second < 20; second++) {
    for (const flow of [fromCaller, fromCaller, fromOrigin]) await flow(session);
    await clock.pass(1_000);
  }
  const flowed = () => world.sessions.list({ limit: 1 }).sessions[0]!.flowed;
  const { length } = keepAlive(0);
  assert.deepEqual([flowed().bitsIn, flowed().bitsOut], [2 * 8 * length, 8 * length]);
  await clock.pass(12_000);
  const [bytesIn, bytesOut] = [40 * length, 20 * length];
  assert.deepEqual(flowed(), { bytesIn, bytesOut, bitsIn: 0, bitsOut: 0 });
});

Deno.test("a session whose lane does not report its end is logged with what was reported before", async () => {
  const closed: SessionClosed[] = [];
  const sessions = { ...NO_SESSION_LOG, closed: (event: SessionClosed) => void closed.push(event) };
  const { length } = keepAlive(0);
  {
    const { clock, world, origin } = await open({ sessions });
    await using _world = world;
    const session = await begin({ world, origin }, 5);
    for (const flow of [fromCaller, fromCaller, fromOrigin]) await flow(session);
    await clock.pass(3_000);
    world.lanes.mute(1);
  }
  const [bytesIn, bytesOut] = [2 * length, length];
  assert.deepEqual(closed, [{ session: "s1", reason: "shutdown", bytesIn, bytesOut }]);
});
