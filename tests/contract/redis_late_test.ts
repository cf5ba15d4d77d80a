// Redis that sometimes answers late, loses its last writes, or gets an impossible request: what a
// client has been told holds, and what has ended stays ended.

import assert from "node:assert/strict";
import { Gateway } from "../support/gateway.ts";
import { RedisServer } from "../support/redis_server.ts";
import { pause, until } from "../support/wait.ts";
import { RedisWorld } from "./redis_world.ts";
import { claimOf, leaseOf } from "./sample_claims.ts";
import { sampleOrigin } from "./sample_origin.ts";

const STREAM = "v/a/s";
const LONG = 60_000;
/** Longer than the timeout for an answer. */
const LATE = 150;

for (const kind of ["claim", "move"] as const) {
  Deno.test(`the answer to a ${kind} comes too late: what the client was told holds`, async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await RedisServer.open());
    const gateway = stack.use(new Gateway(server.port));
    const servers = { kind: "single", address: gateway.address } as const;
    const world = stack.use(await RedisWorld.open(server, { servers }));
    const [one, two] = world.stores;
    for (const id of ["a", "b", "c", "d"]) await one.putOrigin(sampleOrigin(id), LONG);
    await world.settle();
    if (kind === "move") await one.claimStream(claimOf(one, STREAM, { origin: "d" }));
    await world.settle();
    const candidates = one.origins().filter(({ origin }) => origin.id !== "d");
    const alone = claimOf(one, STREAM, { candidates }).origin;
    const picked = ["a", "b", "c"].find((id) => id !== alone)!;
    const claim = claimOf(one, STREAM, { origin: picked, candidates, publishes: true });

    gateway.delay(LATE);
    const said = kind === "claim"
      ? await one.claimStream(claim)
      : await one.moveStream({ ...claim, from: "d" });
    gateway.delay(0);
    await world.untilAsked(true);
    await world.settle();
    assert.equal(one.stream(STREAM)?.record.origin, said.origin);
    const lease = leaseOf(STREAM, said.origin, { epoch: said.epoch, live: "runs" });
    const held = await one.publishStream(lease, 1_000);
    assert.equal(held.origin, said.origin, "the publisher may run where it was sent");
    await world.settle();
    assert.equal(two.stream(STREAM)?.record.origin, said.origin);
    assert.equal(two.stream(STREAM)?.record.publisher, "me");
  });
}

Deno.test("occasional late answers keep nothing alive that has ended", async () => {
  await using server = await RedisServer.open();
  await using gateway = new Gateway(server.port);
  const servers = { kind: "single", address: gateway.address } as const;
  await using world = await RedisWorld.open(server, { servers });
  const [one] = world.stores;
  await one.putOrigin(sampleOrigin("alive"), LONG);
  await one.putOrigin(sampleOrigin("dead"), 1_500);
  await one.claimStream(claimOf(one, STREAM, { origin: "dead", ttl: 1_500 }));
  await world.settle();
  const flap = async (name: string) => {
    gateway.delay(LATE);
    await one.session(`${name}:x`).catch(() => {});
    gateway.delay(0);
    await world.untilAsked(true);
    await one.sweep();
  };
  for (let round = 0; round < 4; round++) {
    await flap(`u${round}`);
    await pause(400);
  }
  await until("its end", () => one.origins().length === 1, { timeout: 5_000 });
  assert.equal(one.stream(STREAM), undefined);
  await world.settle();
  const kept = world.keys.origin("dead");
  assert.equal(await server.command("EXISTS", kept, world.keys.stream(STREAM)), 0);
});

Deno.test("after a failover that loses the last move, the publisher's proxy writes it again", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  for (const id of ["a", "b"]) await one.putOrigin(sampleOrigin(id), LONG);
  await one.claimStream(claimOf(one, STREAM, { origin: "a" }));
  await one.renewStreams([leaseOf(STREAM, "a")]);
  await world.settle();
  const key = world.keys.stream(STREAM);
  const stale = String(await server.command("GET", key));
  const moved = await one.moveStream({ ...claimOf(one, STREAM, { origin: "b" }), from: "a" });
  const lease = leaseOf(STREAM, "b", { epoch: moved.epoch, live: "runs" });
  await one.publishStream(lease, 1_000);
  await world.settle();

  await server.command("SET", key, stale, "PX", "60000");
  assert.deepEqual(await one.renewStreams([lease]), []);
  await world.settle();
  for (const store of [one, two]) {
    const { origin, publisher } = store.stream(STREAM)!.record;
    assert.deepEqual([origin, publisher], ["b", "me"]);
  }
});

Deno.test("a viewer's lease does so too, if it relies on the later mapping", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  for (const id of ["a", "b"]) await one.putOrigin(sampleOrigin(id), LONG);
  await one.claimStream(claimOf(one, STREAM, { origin: "a" }));
  await one.renewStreams([leaseOf(STREAM, "a")]);
  const key = world.keys.stream(STREAM);
  const stale = String(await server.command("GET", key));
  const moved = await one.moveStream({ ...claimOf(one, STREAM, { origin: "b" }), from: "a" });
  await server.command("SET", key, stale, "PX", "60000");
  await one.renewStreams([leaseOf(STREAM, "b", { epoch: moved.epoch })]);
  await world.settle();
  assert.equal(two.stream(STREAM)?.record.origin, "b");
});

Deno.test("a claim that cannot be encoded fails alone, and Redis is still used", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  await one.putOrigin(sampleOrigin("a"), LONG);
  const names = ["v/a/good", "v/a/\ud800", "v/a/also good"];
  const records = await Promise.all(names.map((name) => one.claimStream(claimOf(one, name))));
  assert.deepEqual(records.map(({ origin }) => origin), ["a", "a", "a"]);
  assert.equal(one.trouble, undefined);
  await world.inStep();
  assert.equal(two.stream("v/a/good")?.record.origin, "a");
  assert.equal(two.stream("v/a/also good")?.record.origin, "a");
});

Deno.test("the other proxies are told what one suspects, and it is not told itself", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  const heard: string[] = [];
  one.onSuspect = (origin) => heard.push(`one ${origin}`);
  two.onSuspect = (origin) => heard.push(`two ${origin}`);
  await one.suspectOrigin("a");
  await until("the other to hear of it", () => heard.length > 0);
  await one.putOrigin(sampleOrigin("a"), LONG);
  await world.inStep();
  assert.deepEqual(heard, ["two a"]);
});

Deno.test("proxies learn where the others listen, and forget those that stop announcing it", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server);
  const [one, two] = world.stores;
  const place = (port: number) => ({
    ips: ["192.0.2.7"],
    listeners: [{ transport: "tcp", host: "0.0.0.0", port }] as const,
  });
  one.fleet.announce(place(1935));
  two.fleet.announce(place(11935));
  for (const store of [one, two, one]) await store.sweep();
  assert.deepEqual(one.fleet.others, [place(11935)]);
  assert.deepEqual(two.fleet.others, [place(1935)]);
  const [member] = await server.command("ZRANGE", world.keys.proxies, "0", "0") as string[];
  await server.command("ZADD", world.keys.proxies, "1", member!);
  await server.command("ZADD", world.keys.proxies, "9999999999999", "garbage");
  await (member!.includes("11935") ? one : two).sweep();
  const rest = member!.includes("11935") ? one : two;
  assert.deepEqual(rest.fleet.others, []);
});

Deno.test("each origin is probed by one proxy of a fleet, and sessions are counted together", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server, { count: 3 });
  const ids = Array.from({ length: 60 }, (_, number) => `origin-${number}`);
  for (const [number, store] of world.stores.entries()) {
    const listeners = [{ transport: "tcp", host: "0.0.0.0", port: 1_000 + number }] as const;
    store.fleet.announce({ ips: ["10.0.0.1"], listeners });
  }
  for (let round = 0; round < 2; round++) {
    for (const store of world.stores) await store.sweep();
  }
  const loads = world.stores.map(({ fleet }) => ids.filter((id) => fleet.isOurs(id)).length);
  assert.equal(loads.reduce((sum, load) => sum + load, 0), ids.length);
  assert.ok(loads.every((load) => load >= 8), String(loads));
  const told = (viewers: number) => {
    const [bitsIn, bitsOut] = [viewers, 1_000 * viewers];
    return {
      origins: { a: { publishers: 0, viewers, bitsIn, bitsOut } },
      streams: { "v/a/s": { rtmp: viewers } },
      publishers: { "v/a/s": 1 },
      rates: { "v/a/s": [bitsIn, bitsOut] as const },
    };
  };
  const [one, two, three] = world.stores;
  await one.fleet.tellSessions(told(3));
  await two.fleet.tellSessions(told(4));
  const heard = await three!.fleet.otherSessions();
  assert.deepEqual([...heard].sort((a, b) => a.origins.a!.viewers - b.origins.a!.viewers), [
    told(3),
    told(4),
  ]);
  await server.kill();
  await world.untilAsked(false);
  assert.deepEqual(await three!.fleet.otherSessions(), []);
  assert.ok(world.stores.every(({ fleet }) => ids.every((id) => fleet.isOurs(id))));
});
