// Redis disturbed by others: full, scripts flushed, connections cut, busy with another program's
// script; and one that allows the proxy only what it needs.

import assert from "node:assert/strict";
import type { RedisStore } from "../../src/registry/redis/store.ts";
import { RedisServer } from "../support/redis_server.ts";
import { until } from "../support/wait.ts";
import { RedisWorld } from "./redis_world.ts";
import { sampleOrigin } from "./sample_origin.ts";
import { claimOf, leaseOf } from "./sample_claims.ts";

const LONG = 60_000;

function isKnown(store: RedisStore, id: string): boolean {
  return store.origins().some(({ origin }) => origin.id === id);
}

/** Makes both stores use every kind of record. */
async function assertWorks(world: RedisWorld, name: string): Promise<void> {
  const [one, two] = world.stores;
  await one.putOrigin(sampleOrigin(name), LONG);
  await until("the other to hear of it", () => isKnown(two, name));
  const [first, second] = await Promise.all([
    one.claimStream(claimOf(one, `v/a/${name}`)),
    two.claimStream(claimOf(two, `v/a/${name}`)),
  ]);
  assert.equal(first.origin, second.origin);
  const { stream, origin } = first;
  await one.renewStreams([leaseOf(stream, origin)]);
  const media = { host: "192.0.2.1", port: 8000 };
  const session = { user: `${name}:v`, password: "p", stream, origin, media };
  await one.putSession({ ...session, intent: "play" }, LONG);
  assert.equal((await two.session(`${name}:v`))?.origin, origin);
  await one.endSession(`${name}:v`);
  await one.moveStream({ ...claimOf(one, stream), from: origin });
  await world.settle();
}

Deno.test("full, and no key may be evicted: decisions are made alone until there is room", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  await assertWorks(world, "before");
  await server.command("CONFIG", "SET", "maxmemory", "1");
  const [one, two] = world.stores;
  await one.putOrigin(sampleOrigin("during"), LONG);
  assert.ok(isKnown(one, "during"));
  const claims = await Promise.all([
    one.claimStream(claimOf(one, "v/a/during")),
    two.claimStream(claimOf(two, "v/a/during")),
  ]);
  assert.ok(claims.every(({ origin }) => one.origin(origin) !== undefined));
  assert.equal(one.stream("v/a/before")?.record.stream, "v/a/before");
  await server.command("CONFIG", "SET", "maxmemory", "0");
  await world.untilAsked(true);
  await until("all of it at the other", () => isKnown(two, "during"));
  await assertWorks(world, "after");
});

Deno.test("flushed scripts are loaded again", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  await assertWorks(world, "before");
  await server.command("SCRIPT", "FLUSH");
  await assertWorks(world, "after");
  assert.equal(world.stores[0].trouble, undefined);
});

Deno.test("connections cut repeatedly: nothing is lost, and all recovers", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  await assertWorks(world, "before");
  const [one, two] = world.stores;
  for (let round = 0; round < 20; round++) {
    await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await server.command("CLIENT", "KILL", "TYPE", "pubsub");
    await one.putOrigin(sampleOrigin(`o${round}`), LONG);
    await two.claimStream(claimOf(two, `v/a/s${round}`));
  }
  await world.untilAsked(true);
  await until("the same at both", () => one.origins().length === 21 && two.origins().length === 21);
  await until("the streams too", () => {
    const names = Array.from({ length: 20 }, (_, round) => `v/a/s${round}`);
    return names.every((name) =>
      one.stream(name)?.record.origin === two.stream(name)?.record.origin
    );
  });
  await assertWorks(world, "after");
});

Deno.test("a server that closes idle connections finds none", async () => {
  await using server = await RedisServer.open({ args: ["--timeout", "2"] });
  await using world = await RedisWorld.open(server);
  await assertWorks(world, "before");
  const connections = () => server.info("stats", /^total_connections_received:(\d+)/gm);
  const before = await connections();
  // Redis checks for idle clients every few hundred milliseconds.
  await until("four seconds of the server's time", async () => {
    await world.pass(500);
    return await server.info("server", /^uptime_in_seconds:(\d+)/gm) >= 6;
  }, { timeout: 15_000 });
  await assertWorks(world, "after");
  // The new connections are this test's own; the stores' stayed open.
  assert.equal(
    world.counts.map((counts) => counts.sum("srs_proxy_redis_errors_total")).join(),
    "0,0",
  );
  assert.ok(await connections() > before);
});

Deno.test("busy with another program's script: nobody waits beyond the limit", async () => {
  await using server = await RedisServer.open({ args: ["--busy-reply-threshold", "10"] });
  await using world = await RedisWorld.open(server);
  await assertWorks(world, "before");
  const [one] = world.stores;
  const endless = server.command("EVAL", "while true do end", "0").catch(() => {});
  await until("Redis busy", async () => {
    return await server.command("PING").then(() => false, (error) => /BUSY/.test(String(error)));
  });
  const begun = performance.now();
  await one.claimStream({ ...claimOf(one, "v/a/during"), wait: 130 });
  // The limit, and what a busy machine adds; the script never ends by itself.
  assert.ok(performance.now() - begun < 2_000, `${performance.now() - begun} ms`);
  // A new connection may be told that Redis is busy before it can send anything.
  await until("the end of the script", async () => {
    return await server.command("SCRIPT", "KILL").then(() => true, () => false);
  });
  await endless;
  await world.untilAsked(true);
  await assertWorks(world, "after");
});

/** The permissions that docs/operations.md lists for the proxy's user. */
const RULES = [
  ...["resetkeys", "~live:{srs-proxy}:*", "resetchannels", "&live:{srs-proxy}:*", "-@all"],
];

Deno.test("a user with the documented permissions, and no others, is enough", async () => {
  await using server = await RedisServer.open();
  const docs = await Deno.readTextFile(new URL("../../docs/operations.md", import.meta.url));
  const [, commands = ""] = /^ACL SETUSER proxy on .* -@all (.*)$/m.exec(docs) ?? [];
  assert.notEqual(commands, "", "the docs have a rule");
  const rule = ["on", ">of-this-test-only", ...RULES, ...commands.split(" ")];
  await server.command("ACL", "SETUSER", "proxy", ...rule);
  const access = { username: "proxy", password: "of-this-test-only", database: 0 };
  await using world = await RedisWorld.open(server, { access: () => access, keyPrefix: "live:" });
  await world.untilAsked(true);
  await assertWorks(world, "one");
  await server.command("FLUSHALL");
  await until("all of it again", async () => {
    return await server.command("ZCARD", world.keys.origins) === 1;
  });
  await assertWorks(world, "two");
  assert.equal(
    world.counts.map((counts) => counts.sum("srs_proxy_redis_errors_total")).join(),
    "0,0",
  );
  assert.equal(String(await server.command("ACL", "LOG")), "");
});
