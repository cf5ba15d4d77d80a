// A live stream stays where it is: histories of publishers and viewers that once split a stream.

import assert from "node:assert/strict";
import { IDLE, other, STREAM, World } from "../../tests/contract/registry_world.ts";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { ProcessClock, VirtualClock } from "../../tests/support/virtual_clock.ts";
import { ProxyError } from "../core/errors.ts";
import type { Origin } from "../core/origin.ts";
import { MemoryStore } from "./memory_store.ts";
import type { SessionControl } from "./running_sessions.ts";

const PLAY = { intent: "play" } as const;

function isBusy(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "stream_busy";
}

function isOutOfReach(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "origin_unreachable";
}

/** Two origins, and a stream that is live at one of them. */
async function openLive(): Promise<{ world: World; origin: string }> {
  const world = await World.open();
  await world.add("a", "b");
  const origin = await world.resolve("publisher");
  await world.registry.confirm("publisher");
  return { world, origin };
}

Deno.test("neither a publisher nor a viewer who cannot reach the owner moves a live stream", async () => {
  const { world, origin } = await openLive();
  await using _end = world;
  world.registry.unreachable(origin, "rtmp");
  assert.equal(await world.resolve("viewer", PLAY), origin);
  await assert.rejects(world.resolve("viewer", { ...PLAY, failed: [origin] }), isOutOfReach);
  assert.equal(await world.resolve("second"), origin);
  await assert.rejects(world.resolve("second", { failed: [origin] }), isBusy);
  assert.equal(await world.owner(), origin);
  assert.equal(await world.resolve("late", PLAY), origin);
});

Deno.test("a stream that is no longer live moves with its next publisher", async () => {
  const { world, origin } = await openLive();
  await using _end = world;
  world.registry.release("publisher");
  assert.equal(await world.resolve("next", { failed: [origin] }), other(origin));
});

Deno.test("of two proxies, one that fails to reach the owner moves nothing", async () => {
  const clock = new VirtualClock();
  const process = new ProcessClock(clock);
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 100, now: clock.now });
  await using one = await World.open({ store, clock: process });
  await using two = await World.open({ store, clock });
  await one.add("a", "b");
  const origin = await one.resolve("publisher");
  await one.registry.confirm("publisher");
  for (let round = 0; round < 5; round++) {
    two.registry.unreachable(origin, "rtmp");
    await assert.rejects(two.resolve("v", { ...PLAY, failed: [origin] }), isOutOfReach);
    await assert.rejects(two.resolve("p", { failed: [origin] }), isBusy);
    await clock.pass(5_000);
  }
  assert.equal(await two.owner(), origin);
  // The lease of a proxy that has died keeps the stream for a while, not for ever.
  process.kill();
  await clock.pass(16_000);
  assert.equal(await two.resolve("p", { failed: [origin] }), other(origin));
});

Deno.test("of two publishers on their way to two origins one is refused", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const first = await world.resolve("p1");
  const second = await world.resolve("p2", { failed: [first] });
  assert.notEqual(second, first);
  await world.registry.confirm("p1");
  await assert.rejects(world.registry.confirm("p2"), isBusy);
  world.registry.release("p2");
  assert.equal(await world.owner(), first);
  assert.equal(await world.resolve("viewer", PLAY), first);
});

Deno.test("a publisher that reconnects as the idle time ends keeps its viewers", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  await world.resolve("before");
  await world.registry.confirm("before");
  world.registry.release("before");
  await world.pass(IDLE - 1_000);
  const origin = await world.resolve("back");
  await world.pass(1_200);
  assert.equal(await world.resolve("viewer", PLAY), origin);
  await world.registry.confirm("viewer");
  await world.registry.confirm("back");
  await world.pass(20_000);
  assert.equal(await world.resolve("late", PLAY), origin);
});

Deno.test("a second publisher that fails leaves the stream where its viewers are", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const origin = await world.resolve("viewer", PLAY);
  await world.registry.confirm("viewer");
  await world.resolve("vain", { failed: [origin] });
  world.registry.release("vain");
  assert.equal(await world.resolve("late", PLAY), origin);
});

Deno.test("a stream is shown as live while its publisher runs", async () => {
  const { world } = await openLive();
  await using _end = world;
  const isLive = async () => (await world.registry.streams({ limit: 1 })).streams[0]?.live;
  assert.equal(await isLive(), true);
  await world.pass(IDLE);
  assert.equal(await isLive(), true);
  world.registry.release("publisher");
  assert.equal(await isLive(), false);
});

Deno.test("streams of viewers make room for a publisher", async () => {
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 3 });
  await using world = await World.open({ store });
  await world.add("a");
  for (const stream of ["1", "2", "3"]) await world.resolve(`v${stream}`, { ...PLAY, stream });
  await assert.rejects(world.resolve("v4", { ...PLAY, stream: "4" }));
  assert.equal(await world.resolve("p", { stream: "p" }), "a");
  await world.registry.confirm("p");
  assert.equal(await world.owner("p"), "a");
});

/** Sessions whose traffic a test controls, and which of them were ended. */
class Sessions implements SessionControl {
  readonly bytes = new Map<string, number>();
  readonly ended: string[] = [];
  /** Whether their thread does not report its counts now. */
  isMute = false;
  /** When their thread reports. */
  told: Promise<void> = Promise.resolve();

  async received(sessions: readonly string[]): Promise<ReadonlyMap<string, number>> {
    await this.told;
    if (this.isMute) return new Map();
    return new Map(sessions.map((session) => [session, this.bytes.get(session) ?? 0]));
  }

  end(session: string, reason: string): void {
    this.ended.push(`${session} ${reason}`);
  }
}

/** A world whose origins answer probes unless they are named. */
async function openProbed(silent: Set<string>) {
  const sessions = new Sessions();
  const world = await World.open({
    sessions,
    probe: (origin: Origin) => Promise.resolve(!silent.has(origin.id)),
  });
  return { world, sessions };
}

/** A world with a publisher at an origin that has just fallen silent. */
async function openFrozen() {
  const silent = new Set<string>();
  const { world, sessions } = await openProbed(silent);
  await world.add("a", "b");
  const origin = await world.resolve("publisher");
  await world.registry.confirm("publisher");
  silent.add(origin);
  return { world, sessions, origin };
}

Deno.test("an origin that leaves three probes unanswered loses its streams", async () => {
  const silent = new Set<string>();
  const { world, sessions } = await openProbed(silent);
  await using _end = world;
  await world.add("a", "b");
  const origin = await world.resolve("publisher");
  await world.registry.confirm("publisher");
  await world.resolve("viewer", PLAY);
  silent.add(origin);
  world.registry.unreachable(origin, "rtmp");
  await world.pass(3_900);
  assert.deepEqual(sessions.ended, []);
  await world.pass(200);
  assert.deepEqual(sessions.ended, ["publisher origin_down", "viewer origin_down"]);
  assert.equal((await world.registry.origins()).find((o) => o.origin.id === origin)?.down, true);
  world.registry.release("publisher");
  world.registry.release("viewer");
  assert.equal(await world.resolve("back"), other(origin));
  silent.clear();
  await world.pass(2_000);
  assert.equal((await world.registry.origins()).find((o) => o.origin.id === origin)?.down, false);
});

Deno.test("an origin that answers probes loses nothing, however many clients fail", async () => {
  const { world, sessions } = await openProbed(new Set());
  await using _end = world;
  await world.add("a", "b");
  const origin = await world.resolve("publisher");
  await world.registry.confirm("publisher");
  for (let client = 0; client < 50; client++) {
    world.registry.unreachable(origin, "rtmp");
    await world.pass(500);
  }
  assert.deepEqual(sessions.ended, []);
  assert.equal(await world.owner(STREAM), origin);
});

Deno.test("an origin that sends is not down, although it takes no new connections", async () => {
  const { world, sessions, origin } = await openFrozen();
  await using _end = world;
  world.registry.unreachable(origin, "rtmp");
  for (let second = 1; second < 30; second++) {
    sessions.bytes.set("publisher", second);
    world.registry.unreachable(origin, "rtmp");
    await world.pass(1_000);
  }
  assert.deepEqual(sessions.ended, []);
  await world.pass(4_000);
  world.registry.unreachable(origin, "rtmp");
  await world.pass(8_000);
  assert.deepEqual(sessions.ended, ["publisher origin_down"]);
});

Deno.test("bytes sent to a session opened since the last probe are a sign of life", async () => {
  const { world, sessions, origin } = await openFrozen();
  await using _end = world;
  world.registry.unreachable(origin, "rtmp");
  for (let viewer = 0; viewer < 10; viewer++) {
    sessions.bytes.set(`viewer${viewer}`, 1_000);
    await world.resolve(`viewer${viewer}`, PLAY);
    world.registry.unreachable(origin, "rtmp");
    await world.pass(1_500);
  }
  assert.deepEqual(sessions.ended, []);
  world.registry.unreachable(origin, "rtmp");
  await world.pass(8_000);
  assert.equal(sessions.ended.length, 11);
});

Deno.test("bytes sent before an origin fell silent are no sign of life, however late they are reported", async () => {
  const { world, sessions, origin } = await openFrozen();
  await using _end = world;
  const { promise, resolve } = Promise.withResolvers<void>();
  sessions.told = promise;
  world.registry.unreachable(origin, "rtmp");
  await world.pass(900);
  sessions.bytes.set("publisher", 100_000);
  resolve();
  await world.pass(4_000);
  assert.deepEqual(sessions.ended, ["publisher origin_down"]);
});

Deno.test("counts that a thread has not updated prove nothing", async () => {
  const { world, sessions, origin } = await openFrozen();
  await using _end = world;
  world.registry.unreachable(origin, "rtmp");
  await world.pass(1_000);
  sessions.isMute = true;
  await world.pass(2_000);
  sessions.bytes.set("publisher", 100_000);
  sessions.isMute = false;
  await world.pass(1_500);
  assert.deepEqual(sessions.ended, ["publisher origin_down"]);
});

Deno.test("data of a frozen origin that a slow viewer still reads is no sign of life", async () => {
  const { world, sessions, origin } = await openFrozen();
  await using _end = world;
  sessions.bytes.set("publisher", Infinity);
  world.registry.unreachable(origin, "rtmp");
  for (const bytes of [100_000, Infinity, Infinity, 200_000, Infinity]) {
    await world.pass(800);
    sessions.bytes.set("publisher", bytes);
  }
  await world.pass(1_000);
  assert.deepEqual(sessions.ended, ["publisher origin_down"]);
});

Deno.test("a suspicion dropped during a probe leaves nothing behind", async () => {
  const { world, sessions, origin } = await openFrozen();
  await using _end = world;
  const { promise, resolve } = Promise.withResolvers<void>();
  sessions.told = promise;
  world.registry.unreachable(origin, "rtmp");
  await world.pass(500);
  await world.registry.register(sampleOrigin(origin, { generation: "2" }));
  resolve();
  sessions.bytes.set("publisher", 100_000);
  world.registry.unreachable(origin, "rtmp");
  await world.pass(4_100);
  assert.deepEqual(sessions.ended, ["publisher origin_down"]);
});

/** A viewer at one origin, and the publisher of its stream at the other. */
async function openApart(sessions: Sessions): Promise<World> {
  const world = await World.open({ sessions });
  await world.add("a", "b");
  const first = await world.resolve("viewer", PLAY);
  await world.registry.confirm("viewer");
  await world.resolve("publisher", { failed: [first] });
  await world.registry.confirm("publisher");
  return world;
}

Deno.test("viewers that wait where their stream is not are sent to it", async () => {
  const sessions = new Sessions();
  await using world = await openApart(sessions);
  await world.pass(5_000);
  assert.deepEqual(sessions.ended, []);
  await world.pass(5_000);
  assert.deepEqual(sessions.ended, ["viewer stream_moved"]);
});

Deno.test("viewers that are held up by themselves stay, wherever they are", async () => {
  const sessions = new Sessions();
  await using world = await openApart(sessions);
  sessions.bytes.set("viewer", Infinity);
  await world.pass(20_000);
  assert.deepEqual(sessions.ended, []);
});

Deno.test("viewers that are served stay, wherever they are", async () => {
  const sessions = new Sessions();
  await using world = await openApart(sessions);
  for (let round = 1; round < 10; round++) {
    sessions.bytes.set("viewer", round);
    await world.pass(5_000);
  }
  assert.deepEqual(sessions.ended, []);
});
