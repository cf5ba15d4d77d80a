// Redis is killed, frozen or unreachable, and comes back: what every proxy still knows meanwhile,
// what it decides, how long clients wait, and that all proxies agree afterwards.

import assert from "node:assert/strict";
import type { RedisStore } from "../../src/registry/redis/store.ts";
import { Gateway } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { RedisServer } from "../support/redis_server.ts";
import { pause, until, within } from "../support/wait.ts";
import { RedisWorld } from "./redis_world.ts";
import { sampleOrigin } from "./sample_origin.ts";
import { claimOf, leaseOf } from "./sample_claims.ts";

const ORIGINS = ["a", "b", "c", "d", "e"];
const LONG = 60_000;
/** Deadline for an answer on any machine, milliseconds; gate_test.ts tests the real limit. */
const BOUND = 5_000;

async function registerAll(world: RedisWorld): Promise<void> {
  const [one, two] = world.stores;
  for (const [at, id] of ORIGINS.entries()) {
    await (at % 2 === 0 ? one : two).putOrigin(sampleOrigin(id), LONG);
  }
  await world.settle();
}

function idsOf(store: RedisStore): string[] {
  return store.origins().map(({ origin }) => origin.id).sort();
}

/** Waits until every store gives the same owners for these streams. @returns them */
async function ownersAt(world: RedisWorld, streams: readonly string[]): Promise<string[]> {
  return await until("the same owners at all", () => {
    const owners = world.stores.map((store) =>
      streams.map((name) => store.stream(name)?.record.origin)
    );
    const first = owners[0]!;
    const isSame = owners.every((others) => others.every((owner, at) => owner === first[at]));
    return isSame && first.every((owner) => owner !== undefined) && (first as string[]);
  }, { timeout: 5_000 });
}

/**
 * Waits for work that must end. @returns whether it ended without waiting for anything, not even a
 * timer
 */
async function isDoneAtOnce(work: () => Promise<unknown>): Promise<boolean> {
  let isDone = false;
  const working = work().then(() => isDone = true);
  await pause(0);
  const isAtOnce = isDone;
  await within("an answer", BOUND, working);
  return isAtOnce;
}

const STREAMS = Array.from({ length: 20 }, (_, at) => `v/a/${at}`);

Deno.test("killed and back without its data: nothing known is lost, and all agree", async () => {
  const port = freePort();
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await RedisServer.open({ port }));
  const world = stack.use(await RedisWorld.open(server));
  const [one, two] = world.stores;
  await registerAll(world);
  const known = await one.claimStream(claimOf(one, "v/a/known"));
  await one.renewStreams([leaseOf("v/a/known", known.origin)]);
  await world.settle();

  await server.kill();
  await world.untilAsked(false);
  assert.equal(two.stream("v/a/known")?.record.origin, known.origin);
  assert.equal(two.stream("v/a/known")?.record.confirmed, true);
  assert.deepEqual(idsOf(two), ORIGINS);
  await two.putOrigin(sampleOrigin("f"), LONG);
  for (const stream of STREAMS) {
    const both = await Promise.all([
      one.claimStream(claimOf(one, stream, { claimant: "one" })),
      two.claimStream(claimOf(two, stream, { claimant: "two" })),
    ]);
    assert.equal(both[0].origin, both[1].origin, "although one does not know f");
  }

  const again = stack.use(await RedisServer.open({ port }));
  await world.untilAsked(true);
  for (const store of world.stores) {
    await until("all origins", () => idsOf(store).join() === [...ORIGINS, "f"].join());
  }
  await ownersAt(world, [...STREAMS, "v/a/known"]);
  assert.equal(await again.command("ZCARD", world.keys.streams), STREAMS.length + 1);
  assert.equal(await again.command("ZCARD", world.keys.origins), ORIGINS.length + 1);
});

Deno.test("frozen: nobody waits beyond the limit, and what Redis does later changes nothing", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  await registerAll(world);
  server.process.signal("SIGSTOP");
  try {
    const atOnce: boolean[] = [];
    for (const stream of STREAMS) {
      atOnce.push(
        await isDoneAtOnce(async () => {
          // What Redis does when it wakes up would choose a different origin from the one chosen
          // alone.
          const chosen = claimOf(one, stream);
          const origin = ORIGINS.find((id) => id !== chosen.origin)!;
          const record = await one.claimStream({ ...chosen, origin });
          assert.equal(record.origin, chosen.origin);
        }),
      );
      atOnce.push(await isDoneAtOnce(() => two.putOrigin(sampleOrigin("a"), LONG)));
      atOnce.push(await isDoneAtOnce(() => one.endSession("u:v")));
      atOnce.push(await isDoneAtOnce(async () => await two.origin("unknown")));
    }
    assert.ok(atOnce.filter((is) => !is).length <= 4, "only the first wait at all");
  } finally {
    server.process.signal("SIGCONT");
  }
  await world.untilAsked(true);
  const owners = await ownersAt(world, STREAMS);
  assert.deepEqual(owners, STREAMS.map((stream) => claimOf(one, stream).origin));
});

Deno.test("a proxy that is cut off alone chooses like the others", async () => {
  await using server = await RedisServer.open();
  await using gateway = new Gateway(server.port);
  await using near = await RedisWorld.open(server);
  const servers = { kind: "single", address: gateway.address } as const;
  await using far = await RedisWorld.open(server, { servers, keyPrefix: near.prefix, count: 2 });
  const [one, two] = [near.stores[0], far.stores[0]];
  await registerAll(near);
  await far.inStep();
  gateway.cut();
  await far.untilAsked(false);
  for (const stream of STREAMS) {
    const cut = await two.claimStream(claimOf(two, stream, { claimant: "two" }));
    const not = await one.claimStream(claimOf(one, stream, { claimant: "one" }));
    assert.equal(cut.origin, not.origin);
  }
  gateway.mend();
  await far.untilAsked(true);
  assert.deepEqual(await ownersAt(near, STREAMS), await ownersAt(far, STREAMS));
});

Deno.test("of two decisions about one stream the confirmed one wins afterwards", async () => {
  await using server = await RedisServer.open();
  await using gateway = new Gateway(server.port);
  await using near = await RedisWorld.open(server);
  const servers = { kind: "single", address: gateway.address } as const;
  await using far = await RedisWorld.open(server, { servers, keyPrefix: near.prefix, count: 2 });
  const [one, two] = [near.stores[0], far.stores[0]];
  await registerAll(near);
  for (const stream of ["v/a/moves", "v/a/stays"]) {
    await one.claimStream(claimOf(one, stream, { origin: "a" }));
    await one.renewStreams([leaseOf(stream, "a")]);
  }
  await far.inStep();
  gateway.cut();
  await far.untilAsked(false);
  // Origin a is dead for the proxy that is cut off: it moves one stream, and a new one starts.
  const others = two.origins().filter(({ origin }) => origin.id !== "a");
  const move = { ...claimOf(two, "v/a/moves"), candidates: others, from: "a", claimant: "two" };
  const moved = await two.moveStream(move);
  assert.notEqual(moved.origin, "a");
  const fresh = await two.claimStream({ ...claimOf(two, "v/a/fresh"), claimant: "two" });
  await two.renewStreams([leaseOf("v/a/fresh", fresh.origin, { claimant: "two" })]);
  // Meanwhile another proxy tries the same name elsewhere, so far without success.
  const elsewhere = ORIGINS.find((id) => id !== fresh.origin)!;
  await one.claimStream(claimOf(one, "v/a/fresh", { origin: elsewhere, claimant: "one" }));
  gateway.mend();
  await far.untilAsked(true);
  const streams = ["v/a/moves", "v/a/stays", "v/a/fresh"];
  assert.deepEqual(await ownersAt(near, streams), [moved.origin, "a", fresh.origin]);
  assert.deepEqual(await ownersAt(far, streams), [moved.origin, "a", fresh.origin]);
});

Deno.test("slow: the gate closes after one late answer, and opens when answers are quick", async () => {
  await using server = await RedisServer.open();
  await using gateway = new Gateway(server.port);
  const servers = { kind: "single", address: gateway.address } as const;
  await using world = await RedisWorld.open(server, { servers });
  const [one] = world.stores;
  await registerAll(world);
  gateway.delay(400);
  const atOnce: boolean[] = [];
  for (const stream of STREAMS) {
    atOnce.push(await isDoneAtOnce(() => one.claimStream(claimOf(one, stream))));
  }
  assert.ok(atOnce.filter((is) => !is).length <= 1, "only the first waits at all");
  gateway.delay(0);
  await world.untilAsked(true);
  await ownersAt(world, STREAMS);
});

Deno.test("origins that send heartbeats to one proxy do not expire at the others", async () => {
  const port = freePort();
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await RedisServer.open({ port }));
  const world = stack.use(await RedisWorld.open(server));
  const [one, two] = world.stores;
  const ttl = 600;
  await one.putOrigin(sampleOrigin("a"), ttl);
  await one.claimStream(claimOf(one, "v/a/s", { origin: "a", ttl }));
  await world.settle();
  await server.kill();
  await world.untilAsked(false);
  for (let beat = 0; beat < 8; beat++) {
    await one.putOrigin(sampleOrigin("a"), ttl);
    await one.renewStreams([{ ...leaseOf("v/a/s", "a"), ttl }]);
    assert.deepEqual(idsOf(two), ["a"]);
    assert.equal(two.stream("v/a/s")?.record.origin, "a");
    await pause(ttl / 4);
  }
  stack.use(await RedisServer.open({ port }));
  await world.untilAsked(true);
  assert.deepEqual(idsOf(two), ["a"]);
});

Deno.test("a proxy works if Redis is missing at the start, and joins when it appears", async () => {
  const port = freePort();
  await using stack = new AsyncDisposableStack();
  const nobody = stack.use(await RedisServer.open());
  const servers = { kind: "single", address: { host: "127.0.0.1", port } } as const;
  const world = stack.use(await RedisWorld.open(nobody, { servers }));
  const [one, two] = world.stores;
  assert.equal(one.trouble, "Redis cannot be reached");
  for (const id of ORIGINS) {
    await one.putOrigin(sampleOrigin(id), LONG);
    await two.putOrigin(sampleOrigin(id), LONG);
  }
  for (const stream of STREAMS) {
    const both = [
      await one.claimStream(claimOf(one, stream, { claimant: "one" })),
      await two.claimStream(claimOf(two, stream, { claimant: "two" })),
    ];
    assert.equal(both[0]!.origin, both[1]!.origin);
  }
  stack.use(await RedisServer.open({ port }));
  await world.untilAsked(true);
  await ownersAt(world, STREAMS);
});

Deno.test("sessions of an outage are written, and ended, when it is over", async () => {
  const port = freePort();
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await RedisServer.open({ port }));
  const world = stack.use(await RedisWorld.open(server));
  const [one, two] = world.stores;
  const media = { host: "192.0.2.1", port: 8000 };
  const common = { password: "p", stream: "v/a/s", intent: "play", origin: "a", media } as const;
  for (const user of ["u:stays", "u:ends"]) await one.putSession({ user, ...common }, LONG);
  assert.equal((await two.session("u:stays"))?.user, "u:stays");
  assert.equal((await two.session("u:ends"))?.user, "u:ends");
  server.process.signal("SIGSTOP");
  try {
    await one.putSession({ user: "u:new", ...common }, LONG);
    await two.endSession("u:ends");
    await world.untilAsked(false);
    assert.equal((await one.session("u:new"))?.user, "u:new");
    assert.equal((await two.session("u:stays"))?.user, "u:stays", "known since before");
    assert.equal(await two.session("u:ends"), undefined);
    await assert.rejects(two.session("u:new"), { code: "registry_unavailable" });
  } finally {
    server.process.signal("SIGCONT");
  }
  await world.untilAsked(true);
  await until("the new session at both", async () => {
    return (await two.session("u:new"))?.user === "u:new" &&
      await one.session("u:ends") === undefined;
  });
});
