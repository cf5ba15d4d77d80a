// What a lane answers by itself and when it must ask: with the real registry, desk and lane, and messages
// that arrive when the test lets them through.

import assert from "node:assert/strict";
import { Counts } from "../../tests/contract/counts.ts";
import { type SampleOrigin, sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { LaneWire } from "../../tests/support/lane_wire.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import type { StreamRequest } from "../core/contracts.ts";
import { MemoryStore } from "../registry/memory_store.ts";
import { Registry, type RegistryOptions } from "../registry/registry.ts";
import { NO_SESSION_LOG } from "../../tests/support/no_session_log.ts";

const STREAM = "v/a/s";
const IDLE = 60_000;
const KNOWN = "srs_proxy_lane_known_answers_total";

/** A lane, its main thread, and a registry of two origins that offer RTMP and HTTP. */
class World implements AsyncDisposable {
  readonly registry: Registry;
  readonly clock: VirtualClock;
  readonly wire: LaneWire;
  readonly counts = new Counts();
  /** Sessions that the registry has ended. */
  readonly ended: string[];
  /** Messages to the main thread that are held back, in order; undefined while they pass at once. */
  held: (() => void)[] | undefined;

  private constructor(registry: Registry, clock: VirtualClock, ended: string[]) {
    this.registry = registry;
    this.clock = clock;
    this.ended = ended;
    const services = {
      resolver: registry,
      sessions: NO_SESSION_LOG,
      metrics: this.counts,
      origins: () => registry.origins(),
      signal: () => new Response(null, { status: 404 }),
      answerOther: () => Promise.reject(new Error("nobody asks")),
      onError: (error: unknown) => {
        throw error;
      },
    };
    this.wire = new LaneWire({
      services,
      changes: registry.changes,
      now: clock.now,
      toMain: (arrived) => this.held === undefined ? arrived() : void this.held.push(arrived),
      toLane: (arrived) => arrived(),
    });
  }

  static async open(options: Partial<RegistryOptions> = {}): Promise<World> {
    const clock = new VirtualClock();
    const ended: string[] = [];
    const registry = await Registry.open({
      store: new MemoryStore({ maxOrigins: 10, maxStreams: 100, now: clock.now }),
      metrics: new Counts(),
      sessions: {
        received: () => Promise.resolve(new Map()),
        end: (session) => void ended.push(session),
      },
      ...{ originTtl: 300_000, streamIdle: IDLE, clock, random: () => 0.5 },
      ...options,
    });
    const world = new World(registry, clock, ended);
    await world.register("a");
    await world.register("b");
    return world;
  }

  register(id: string, sample: SampleOrigin = {}): Promise<void> {
    return this.registry.register(sampleOrigin(id, { offers: ["rtmp", "http"], ...sample }));
  }

  ask(session: string, wish: Partial<StreamRequest> = {}): Promise<string> {
    const request = { stream: STREAM, protocol: "rtmp", intent: "play", failed: [] } as const;
    return this.wire.main.resolver.resolve({ ...request, session, ...wish }).then(({ id }) => id);
  }

  /** A viewer that is given an origin and served there. */
  async view(session: string): Promise<string> {
    const origin = await this.ask(session);
    await this.wire.main.resolver.confirm(session);
    return origin;
  }

  /** Makes the lane know the stream. @returns its origin */
  async learn(): Promise<string> {
    await this.view("first");
    return await this.view("second");
  }

  /** Whether the lane answers a question without a message. */
  async knows(wish: Partial<StreamRequest> = {}): Promise<boolean> {
    this.wire.main.flush();
    const before = this.counts.of(`${KNOWN} resolve`);
    const session = crypto.randomUUID();
    await this.ask(session, wish);
    this.wire.main.resolver.release(session);
    this.wire.main.flush();
    return this.counts.of(`${KNOWN} resolve`) > before;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
  }
}

Deno.test("viewers of a known stream get their origin without waiting for the main thread", async () => {
  await using world = await World.open();
  const origin = await world.learn();
  world.held = [];
  assert.equal(await world.view("third"), origin);
  assert.equal(world.held.length, 2, "it is told of the viewer and of its being served");
});

Deno.test("a viewer served from known answers also keeps the stream in use", async () => {
  await using world = await World.open();
  const origin = await world.learn();
  await world.view("third");
  world.wire.main.resolver.release("first");
  world.wire.main.resolver.release("second");
  await world.clock.pass(2 * IDLE);
  assert.deepEqual(await world.registry.owner(STREAM).then((owner) => owner?.origin.id), origin);
  world.wire.main.resolver.release("third");
  await world.clock.pass(IDLE + 5_000);
  assert.equal(await world.registry.owner(STREAM), undefined);
});

Deno.test("a viewer that the main thread hears of late keeps its origin", async () => {
  await using world = await World.open();
  const origin = await world.learn();
  world.held = [];
  await world.view("third");
  const late = world.held;
  world.held = undefined;
  await world.registry.resolve({
    ...{ session: "other", stream: STREAM, protocol: "rtmp", intent: "publish" },
    failed: [origin],
  });
  await world.registry.confirm("other");
  for (const arrived of late) arrived();
  assert.notEqual((await world.registry.owner(STREAM))?.origin.id, origin);
  await world.clock.pass(6_000);
  assert.notEqual(
    (await world.registry.owner(STREAM))?.origin.id,
    origin,
    "and moves nothing back",
  );
});

Deno.test("a stream that was not served yet, or has just got an owner, is asked for", async () => {
  await using world = await World.open();
  await world.ask("first");
  assert.ok(!await world.knows());
  await world.wire.main.resolver.confirm("first");
  assert.ok(!await world.knows());
  assert.ok(await world.knows());
});

Deno.test("publishers, other protocols and viewers that have failed ask the main thread", async () => {
  await using world = await World.open();
  const origin = await world.learn();
  assert.ok(await world.knows());
  assert.ok(!await world.knows({ protocol: "http" }));
  assert.ok(!await world.knows({ intent: "publish" }));
  await assert.rejects(world.ask("failed", { failed: [origin] }), { code: "origin_unreachable" });
});

Deno.test("a lane asks again once a stream has moved, even before the mover is told", async () => {
  await using world = await World.open();
  const origin = await world.learn();
  for (const session of ["first", "second"]) world.wire.main.resolver.release(session);
  const moved = await world.registry.resolve({
    ...{ session: "mover", stream: STREAM, protocol: "rtmp", intent: "publish" },
    failed: [origin],
  });
  assert.notEqual(moved.id, origin);
  assert.equal(await world.ask("after"), moved.id);
});

const CHANGES: Readonly<Record<string, (world: World, origin: string) => Promise<void> | void>> = {
  "a dial of another thread has failed": (world, origin) => {
    world.registry.unreachable(origin, "rtmp");
  },
  "its own dial has failed, and nobody has heard of it": (world, origin) => {
    world.held = [];
    world.wire.main.resolver.unreachable(origin, "rtmp");
    const held = world.held;
    world.held = undefined;
    for (const arrived of held) arrived();
  },
  "the origin is another process": (world, origin) => {
    return world.register(origin, { generation: "next/2" });
  },
  "the origin offers something else": (world, origin) => {
    return world.register(origin, { offers: ["rtmp"] });
  },
  "the mapping is near its end": async (world) => {
    for (const session of ["first", "second"]) world.wire.main.resolver.release(session);
    await world.clock.pass(IDLE - 6_000);
  },
};

for (const [what, happens] of Object.entries(CHANGES)) {
  Deno.test(`a lane asks again when ${what}`, async () => {
    await using world = await World.open();
    const origin = await world.learn();
    assert.ok(await world.knows());
    await happens(world, origin);
    assert.ok(!await world.knows());
  });
}

Deno.test("heartbeats and renewals change nothing", async () => {
  await using world = await World.open();
  await world.learn();
  assert.ok(await world.knows());
  await world.register("a");
  await world.clock.pass(5_000);
  assert.ok(await world.knows());
});

Deno.test("a lane asks again when the origin has expired", async () => {
  await using world = await World.open({ originTtl: 20_000 });
  const origin = await world.learn();
  for (const session of ["first", "second"]) world.wire.main.resolver.release(session);
  await world.register(origin === "a" ? "b" : "a");
  await world.clock.pass(19_999);
  await world.register(origin === "a" ? "b" : "a");
  await world.clock.pass(1);
  assert.notEqual(await world.ask("after"), origin);
});

Deno.test("a viewer on its way to an origin that goes down is ended", async () => {
  await using world = await World.open({ probe: () => Promise.resolve(false) });
  const origin = await world.learn();
  world.held = [];
  await world.ask("third");
  const late = world.held;
  world.held = undefined;
  world.registry.unreachable(origin, "rtmp");
  await world.clock.pass(10_000);
  assert.deepEqual(world.ended, ["first", "second"]);
  for (const arrived of late) arrived();
  assert.deepEqual(world.ended, ["first", "second", "third"]);
});

Deno.test("a lane's sessions end with the lane", async () => {
  await using world = await World.open();
  await world.learn();
  await world.view("third");
  assert.ok(world.wire.desk.has("third"));
  world.wire.desk.end("lane_failed");
  await world.clock.pass(IDLE + 5_000);
  assert.equal(await world.registry.owner(STREAM), undefined);
});

Deno.test("a viewer is confirmed without waiting, a publisher is not", async () => {
  await using world = await World.open();
  await world.ask("viewer");
  await world.ask("publisher", { intent: "publish" });
  world.held = [];
  await world.wire.main.resolver.confirm("viewer");
  const confirmed = world.wire.main.resolver.confirm("publisher");
  let isConfirmed = false;
  confirmed.then(() => isConfirmed = true);
  await world.clock.pass(0);
  assert.ok(!isConfirmed);
  for (const arrived of world.held) arrived();
  await confirmed;
});

Deno.test("owners and parts of streams are remembered too, until they change", async () => {
  await using world = await World.open();
  const { resolver } = world.wire.main;
  assert.equal(await resolver.owner(STREAM), undefined);
  const origin = await world.view("first");
  assert.equal((await resolver.owner(STREAM))?.confirmed, true, "what was not there is now");
  const part = { stream: STREAM, protocol: "http", failed: [] } as const;
  assert.equal((await resolver.locate(part)).id, origin);
  world.held = [];
  assert.equal((await resolver.owner(STREAM))?.live, false);
  assert.equal((await resolver.locate(part)).id, origin);
  assert.deepEqual(world.held, []);
  world.held = undefined;
  await world.ask("publisher", { intent: "publish" });
  await resolver.confirm("publisher");
  assert.equal((await resolver.owner(STREAM))?.live, true);
  resolver.release("publisher");
  assert.equal((await resolver.owner(STREAM))?.live, false);
});
