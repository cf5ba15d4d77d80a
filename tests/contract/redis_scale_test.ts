// Many origins and streams at once through several proxies, and what they cost Redis.

import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import { Registry, type RegistryOptions } from "../../src/registry/registry.ts";
import { pickFewest } from "../../src/registry/picker.ts";
import { firstWithRoomByHash } from "../../src/registry/rendezvous.ts";
import { RedisServer } from "../support/redis_server.ts";
import { until } from "../support/wait.ts";
import { RedisWorld } from "./redis_world.ts";
import { sampleOrigin } from "./sample_origin.ts";

const CLOCK = { ...systemClock, every: () => ({ [Symbol.dispose]: () => {} }) };
const TIMES = { originTtl: 60_000, streamIdle: 60_000 };
const STREAMS = 10_000;
const AT_ONCE = 250;

/** @param pick the rule by which proxies agree without communicating, unless given */
async function openRegistries(
  world: RedisWorld,
  stack: AsyncDisposableStack,
  pick: RegistryOptions["pick"] = firstWithRoomByHash,
): Promise<readonly Registry[]> {
  const options = { ...TIMES, clock: CLOCK, pick };
  const opened = world.stores.map((store, at) => {
    return Registry.open({ store, metrics: world.counts[at]!, ...options });
  });
  return (await Promise.all(opened)).map((registry) => stack.use(registry));
}

async function ownerOf(registry: Registry, stream: string): Promise<string> {
  const session = crypto.randomUUID();
  const request = { stream, protocol: "rtmp", intent: "publish", failed: [], session } as const;
  return (await registry.resolve(request)).id;
}

async function registerAll(registries: readonly Registry[], count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, at) => `origin-${at}`);
  await Promise.all(ids.map((id, at) => {
    return registries[at % registries.length]!.register(sampleOrigin(id));
  }));
  return ids.sort();
}

/**
 * Asks two registries for each stream at the same time.
 *
 * @param onOwned called with the number of streams that have an origin
 * @returns streams that got two origins
 */
async function askTwice(
  registries: readonly Registry[],
  names: readonly string[],
  onOwned: (count: number) => void = () => {},
) {
  const split: string[] = [];
  let owned = 0;
  for (let start = 0; start < names.length; start += AT_ONCE) {
    await Promise.all(
      names.slice(start, start + AT_ONCE).map(async (stream, at) => {
        const one = registries[at % registries.length]!;
        const other = registries[(at + 1) % registries.length]!;
        const [left, right] = await Promise.all([ownerOf(one, stream), ownerOf(other, stream)]);
        if (left !== right) split.push(stream);
        onOwned(++owned);
      }),
    );
  }
  return split;
}

Deno.test("300 origins that register at once through 3 proxies are known to all 3", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server, { count: 3 });
  await using stack = new AsyncDisposableStack();
  const registries = await openRegistries(world, stack);
  const ids = await registerAll(registries, 300);
  await world.settle();
  for (const registry of registries) {
    assert.deepEqual((await registry.origins()).map(({ origin }) => origin.id).sort(), ids);
  }
  assert.equal(await server.command("ZCARD", world.keys.origins), 300);
});

Deno.test("10,000 new streams, each requested at two proxies at once, have one origin each", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server, { count: 3 });
  await using stack = new AsyncDisposableStack();
  // Random, so that the two rarely agree by themselves.
  const registries = await openRegistries(world, stack, (_, all) => pickFewest(all, Math.random));
  await registerAll(registries, 10);
  await world.settle();
  const names = Array.from({ length: STREAMS }, (_, at) => `v/a/${at}`);
  assert.deepEqual(await askTwice(registries, names), []);
  await world.settle();
  await world.untilAsked(true);
  const loads = await until("every stream at the first proxy", async () => {
    const loads = (await registries[0]!.origins()).map(({ streams }) => streams);
    return loads.reduce((sum, load) => sum + load) === STREAMS && loads;
  });
  assert.ok(Math.max(...loads) <= STREAMS / 10 * 1.25 + AT_ONCE, `the loads are ${loads}`);
});

Deno.test("the same holds if Redis is restarted in the middle", async () => {
  await using server = await RedisServer.open();
  await using world = await RedisWorld.open(server, { count: 3 });
  await using stack = new AsyncDisposableStack();
  const registries = await openRegistries(world, stack);
  await registerAll(registries, 10);
  await world.settle();
  const names = (part: string) => Array.from({ length: 2_000 }, (_, at) => `v/${part}/${at}`);
  const freeze = (owned: number) => {
    if (owned === 500) server.process.signal("SIGSTOP");
  };
  try {
    assert.deepEqual(await askTwice(registries, names("going"), freeze), []);
    assert.deepEqual(await askTwice(registries, names("gone")), []);
  } finally {
    server.process.signal("SIGCONT");
  }
  assert.deepEqual(await askTwice(registries, names("back")), []);
  await world.untilAsked(true);
  const all = ["going", "gone", "back"].flatMap(names);
  await until("the same owners at all", () =>
    all.every((stream) => {
      const owners = world.stores.map((store) => store.stream(stream)?.record.origin);
      return owners[0] !== undefined && owners.every((owner) => owner === owners[0]);
    }));
});

/** Redis commands per operation, including those inside scripts. */
async function callsEach(server: RedisServer, count: number, work: () => Promise<unknown>) {
  const field = /^cmdstat_(?!info|ping|client|command|config|select|auth)\S*:calls=(\d+)/gm;
  const before = await server.info("commandstats", field);
  for (let time = 0; time < count; time++) await work();
  // Rounding removes the health check, which runs once a second.
  return Math.round((await server.info("commandstats", field) - before) / count);
}

Deno.test("a heartbeat and a new stream cost Redis the same with 10 origins as with 300", async () => {
  const costs: number[][] = [];
  for (const count of [10, 300]) {
    await using server = await RedisServer.open();
    await using world = await RedisWorld.open(server);
    await using stack = new AsyncDisposableStack();
    const [one] = await openRegistries(world, stack);
    const ids = await registerAll([one!], count);
    await world.settle();
    let beat = 0;
    const heartbeat = () => one!.register(sampleOrigin(ids[beat++ % count]!));
    let name = 0;
    const newStream = () => ownerOf(one!, `v/a/${name++}`);
    const knownStream = () => ownerOf(one!, `v/a/${beat++ % name}`);
    costs.push([
      await callsEach(server, 200, heartbeat),
      await callsEach(server, 200, newStream),
      await callsEach(server, 200, knownStream),
    ]);
  }
  assert.deepEqual(costs[0], costs[1]);
  const [heartbeat, newStream, knownStream] = costs[0]!;
  assert.ok(heartbeat! > 0 && newStream! > 0, "the calls have been counted");
  assert.equal(knownStream, 0, "known streams are not asked for");
});
