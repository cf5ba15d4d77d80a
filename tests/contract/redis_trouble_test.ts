// Redis answers, but wrongly: it refuses writes, has lost everything, contains foreign values, or
// does not deliver messages. Proxies keep working and repair it.

import assert from "node:assert/strict";
import type { RedisStore } from "../../src/registry/redis/store.ts";
import { RedisServer, untilInStep } from "../support/redis_server.ts";
import { pause, until } from "../support/wait.ts";
import { RedisWorld } from "./redis_world.ts";
import { sampleOrigin } from "./sample_origin.ts";
import { claimOf, leaseOf } from "./sample_claims.ts";

const LONG = 60_000;
const ORIGINS = ["a", "b", "c"];

function idsOf(store: RedisStore): string[] {
  return store.origins().map(({ origin }) => origin.id).sort();
}

/** Writes three origins, and a confirmed stream at one of them. @returns its origin */
async function populate(world: RedisWorld): Promise<string> {
  const [one] = world.stores;
  for (const id of ORIGINS) await one.putOrigin(sampleOrigin(id), LONG);
  const { origin } = await one.claimStream(claimOf(one, "v/a/known"));
  await one.renewStreams([leaseOf("v/a/known", origin)]);
  await world.settle();
  return origin;
}

/** How many commands the server has executed, including those in scripts. */
function calls(server: RedisServer): Promise<number> {
  return server.info("commandstats", /^cmdstat_(?!info|ping|client|command).*:calls=(\d+)/gm);
}

Deno.test("everything is lost while Redis runs: it is served from copies and written again", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  const owner = await populate(world);
  const media = { host: "192.0.2.1", port: 8000 };
  const session = { user: "u:v", password: "p", stream: "v/a/known", origin: owner, media };
  await one.putSession({ ...session, intent: "play" }, LONG);
  await server.command("FLUSHALL");
  for (const store of world.stores) {
    assert.equal(store.stream("v/a/known")?.record.origin, owner);
    assert.deepEqual(idsOf(store), ORIGINS);
    assert.equal(store.trouble, undefined);
  }
  const { keys } = world;
  const names = [...ORIGINS.map((id) => keys.origin(id)), keys.stream("v/a/known")];
  await until("everything in Redis again", async () => {
    return await server.command("EXISTS", ...names, keys.session("u:v")) === names.length + 1;
  });
  assert.equal(await server.command("ZCARD", keys.origins), ORIGINS.length);
  assert.equal(await server.command("ZCARD", keys.streams), 1);
  assert.match(String(await server.command("GET", keys.stream("v/a/known"))), /"confirmed":true/);
  assert.equal((await two.session("u:v"))?.origin, owner);
  await one.claimStream(claimOf(one, "v/a/later"));
  await world.settle();
  assert.equal(two.stream("v/a/later")?.record.origin, one.stream("v/a/later")?.record.origin);
});

Deno.test("a read-only replica: decisions are made alone until it is a master", async () => {
  await using master = await RedisServer.open();
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  await populate(world);
  const first = await one.claimStream(claimOf(one, "v/a/before"));
  await world.settle();
  await server.command("REPLICAOF", "127.0.0.1", `${master.port}`);
  await untilInStep(server);
  await world.untilAsked(false);
  assert.equal(
    two.stream("v/a/before")?.record.origin,
    first.origin,
    "the empty master changes nothing",
  );
  const both = await Promise.all([
    one.claimStream({ ...claimOf(one, "v/a/s"), claimant: "one" }),
    two.claimStream({ ...claimOf(two, "v/a/s"), claimant: "two" }),
  ]);
  assert.equal(both[0].origin, both[1].origin);
  assert.equal(one.trouble, "Redis refuses commands");
  await one.putOrigin(sampleOrigin("d"), LONG);
  await server.command("REPLICAOF", "NO", "ONE");
  await world.untilAsked(true);
  await until("the origin of meanwhile at both", () => idsOf(two).includes("d"));
  assert.equal(two.stream("v/a/s")?.record.origin, both[0].origin);
});

Deno.test("full of garbage: it is ignored, counted and overwritten", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  await populate(world);
  const { keys } = world;
  const bad: [string, ...string[]][] = [
    ["SET", keys.origin("a"), "{"],
    ["SET", keys.origin("b"), JSON.stringify({ ...sampleOrigin("b"), endpoints: { rtmp: [{}] } })],
    ["SET", keys.stream("v/a/text"), "\u0000\u00ff"],
    [
      "SET",
      keys.stream("v/a/shape"),
      '{"origin":1,"claimant":"x","confirmed":"no","expires":1e300}',
    ],
    ["SET", keys.session("u:v"), "[]"],
    ["SET", keys.version, "many"],
    ["DEL", keys.origins, keys.streams],
    ["SET", keys.origins, "not an index"],
    ["LPUSH", keys.streams, "not an index"],
    ["LPUSH", keys.stream("v/a/list"), "x"],
    ["LPUSH", keys.origin("c"), "x"],
    ["PUBLISH", keys.channel, "not JSON"],
    ["PUBLISH", keys.channel, '{"version":1,"streams":[[1,2,3]]}'],
    ["PUBLISH", keys.channel, '{"version":1,"origin":"{}","ttl":5}'],
  ];
  for (const [name, key, ...args] of bad) {
    if (name === "LPUSH") await server.command("DEL", key!);
    await server.command(name, key!, ...args);
  }
  for (const store of world.stores) assert.deepEqual(idsOf(store), ORIGINS);
  assert.equal(await two.session("u:v"), undefined);
  for (const stream of ["v/a/text", "v/a/shape", "v/a/list"]) {
    const record = await one.claimStream(claimOf(one, stream));
    assert.ok(ORIGINS.includes(record.origin), stream);
  }
  for (const id of ORIGINS) await two.putOrigin(sampleOrigin(id), LONG);
  await world.settle();
  assert.equal(await server.command("ZCARD", keys.origins), ORIGINS.length);
  for (const id of ORIGINS) {
    assert.deepEqual(
      JSON.parse(String(await server.command("GET", keys.origin(id)))),
      sampleOrigin(id),
    );
  }
  assert.equal(two.stream("v/a/list")?.record.origin, one.stream("v/a/list")?.record.origin);
  const ignored = world.counts.map((counts) => counts.of("srs_proxy_redis_ignored_values_total"));
  assert.ok(ignored.every((count) => count >= 3), `counted ${ignored}`);
  assert.deepEqual(world.stores.map(({ trouble }) => trouble), [undefined, undefined]);
});

Deno.test("garbage that exists before a proxy starts does not hide the rest", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  await populate(world);
  const { keys, prefix: keyPrefix } = world;
  await server.command("SET", keys.origin("b"), "[1,2]", "PX", "60000");
  await server.command("ZADD", keys.origins, "9e300", "ghost");
  await server.command("ZADD", keys.streams, "9e300", "v/a/ghost");
  await using later = await RedisWorld.open(server, { keyPrefix });
  const [fresh] = later.stores;
  assert.deepEqual(idsOf(fresh), ["a", "c"]);
  assert.equal(fresh.stream("v/a/known")?.record.confirmed, true);
  assert.ok(later.counts[0]!.of("srs_proxy_redis_ignored_values_total") >= 1);
  assert.equal(
    await server.command("ZSCORE", keys.origins, "ghost"),
    null,
    "the index is repaired",
  );
  assert.equal(await server.command("ZSCORE", keys.streams, "v/a/ghost"), null);
  await world.stores[0].putOrigin(sampleOrigin("b"), LONG);
  await later.inStep();
  assert.deepEqual(idsOf(fresh), ORIGINS);
});

Deno.test("lost messages are noticed, and everything is read again", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  await populate(world);
  const { keys } = world;
  const silently = async (...commands: string[][]) => {
    for (const command of commands) await server.command(...command);
  };
  const expires = `${Date.now() + LONG}`;
  await silently(
    ["SET", keys.origin("d"), JSON.stringify(sampleOrigin("d")), "PX", `${LONG}`],
    ["ZADD", keys.origins, expires, "d"],
    ["INCR", keys.version],
  );
  await until("the origin nobody has told of", () =>
    world.stores.every((store) => {
      return idsOf(store).includes("d");
    }), { timeout: 5_000 });
  await silently(["INCRBY", keys.version, "5"]);
  await one.putOrigin(sampleOrigin("e"), LONG);
  await until("both in step", () => idsOf(two).includes("e") && two.version === one.version);
  assert.ok(world.counts[1]!.of("srs_proxy_redis_full_reads_total") >= 2);
});

Deno.test("a known stream costs nothing, a repeatedly requested unknown one next to nothing", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one] = world.stores;
  await populate(world);
  const before = await calls(server);
  for (let at = 0; at < 1_000; at++) {
    assert.ok(one.stream("v/a/known"));
    assert.ok(await one.origin("a"));
    assert.equal(await one.origin("nobody"), undefined);
    assert.equal(await one.session("nobody:here"), undefined);
    const { stream, origin, claimant } = one.stream("v/a/none")?.record ??
      await one.claimStream(claimOf(one, "v/a/none"));
    one.forgetStream({ stream, origin, claimant, isUrgent: false });
  }
  const spent = await calls(server) - before;
  assert.ok(spent < 100, `${spent} calls for 5,000 questions`);
  await world.settle();
  assert.equal(one.stream("v/a/none"), undefined);
});

Deno.test("however many unknown users appear, Redis is asked about few", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one] = world.stores;
  const before = await calls(server);
  const rounds: Promise<PromiseSettledResult<unknown>[]>[] = [];
  // As packets arrive: in rounds, with the event loop running in between.
  for (let round = 0; round < 40; round++) {
    const users = Array.from({ length: 500 }, (_, at) => `${round}-${at}:x`);
    rounds.push(Promise.allSettled(users.map((user) => one.session(user))));
    await pause(0);
  }
  const asked = (await Promise.all(rounds)).flat();
  const spent = await calls(server) - before;
  assert.ok(spent < 4_000, `${spent} calls`);
  const refused = asked.filter(({ status }) => status === "rejected");
  assert.ok(refused.length > 15_000);
  // A machine that stands still for a moment makes any answer late.
  await until("Redis look well", () => one.trouble === undefined);
});
