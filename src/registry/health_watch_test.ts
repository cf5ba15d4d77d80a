import assert from "node:assert/strict";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { HealthWatch } from "./health_watch.ts";
import type { RegistryOptions } from "./registry.ts";
import { World } from "../../tests/contract/registry_world.ts";

/** A world whose origins answer probes except the frozen ones. */
async function openWatched(frozen: Set<string>, more: Partial<RegistryOptions> = {}) {
  const ended: string[] = [];
  const probed: string[] = [];
  const answer = (id: string) => {
    probed.push(id);
    return Promise.resolve(!frozen.has(id));
  };
  const world = await World.open({
    probe: (origin) => answer(origin.id),
    health: {
      interval: () => 2_000,
      endsSessions: () => true,
      check: (origin) => answer(origin.id),
    },
    sessions: {
      received: () => Promise.resolve(new Map()),
      end: (session) => void ended.push(session),
    },
    ...more,
  });
  return { world, ended, probed };
}

async function isDown(world: World, id: string): Promise<boolean> {
  return (await world.registry.origins()).find(({ origin }) => origin.id === id)!.down;
}

Deno.test("a frozen origin is down within six seconds, even if nobody dials it", async () => {
  const frozen = new Set<string>();
  const { world, ended } = await openWatched(frozen);
  await using _world = world;
  await world.add("a", "b");
  const id = await world.resolve("s1");
  await world.registry.confirm("s1");
  await world.pass(20_000);
  assert.equal(await isDown(world, id), false);
  frozen.add(id);
  await world.pass(6_000);
  assert.equal(await isDown(world, id), true);
  assert.deepEqual(ended, ["s1"]);
  frozen.clear();
  await world.pass(1_000);
  assert.equal(await isDown(world, id), false);
});

Deno.test("every origin is probed once in an interval, whatever else happens", async () => {
  const { world, probed } = await openWatched(new Set());
  await using _world = world;
  await world.add("a", "b", "c");
  await world.pass(60_000);
  for (const id of ["a", "b", "c"]) {
    const count = probed.filter((each) => each === id).length;
    assert.ok(count >= 24 && count <= 38, `${id} ${count}`);
  }
});

Deno.test("sessions of an origin that is down continue if configured so", async () => {
  const frozen = new Set<string>();
  const health = {
    interval: () => 2_000,
    endsSessions: () => false,
    check: () => Promise.resolve(frozen.size === 0),
  };
  const { world, ended } = await openWatched(frozen, { health });
  await using _world = world;
  await world.add("a");
  await world.resolve("s1");
  frozen.add("a");
  await world.pass(8_000);
  assert.equal(await isDown(world, "a"), true);
  assert.deepEqual(ended, []);
});

Deno.test("an interval of 0 sends no probes until one is set", async () => {
  let interval = 0;
  const { world, probed } = await openWatched(new Set(), {
    health: {
      interval: () => interval,
      endsSessions: () => true,
      check: ({ id }) => Promise.resolve(probed.push(id) > 0),
    },
  });
  await using _world = world;
  await world.add("a");
  await world.pass(30_000);
  assert.deepEqual(probed, []);
  interval = 1_000;
  await world.pass(10_000);
  assert.ok(probed.length >= 7);
});

/** A watch of these many origins whose probes end when `probe` says so. */
function watchOf(count: number, probe: (id: string) => Promise<boolean>) {
  const clock = new VirtualClock();
  const watch = new HealthWatch({
    ...{ clock, random: Math.random, interval: () => 2_000 },
    ...{ isOurs: () => true, isSuspected: () => false, onProbed: () => {} },
    probe: ({ id }) => probe(id),
  });
  watch.update(Array.from({ length: count }, (_, at) => ({ origin: sampleOrigin(`o-${at}`) })));
  return { clock, watch };
}

Deno.test("probes are spread over the interval, and pauses between them vary", async () => {
  const times = new Map<string, number[]>();
  const { clock, watch } = watchOf(50, (id) => {
    times.set(id, [...times.get(id) ?? [], clock.now()]);
    return Promise.resolve(true);
  });
  using _watch = watch;
  await clock.pass(60_000);
  const all = [...times.values()];
  const first = all.map(([time]) => time!);
  assert.ok(Math.max(...first) - Math.min(...first) > 1_000, `${first}`);
  const pauses = all.flatMap((each) => each.slice(1).map((time, at) => time - each[at]!));
  const [least, most] = [Math.min(...pauses), Math.max(...pauses)];
  assert.ok(least >= 1_600 && least < 1_800, `${least}`);
  assert.ok(most <= 2_400 && most > 2_200, `${most}`);
});

Deno.test("however many origins there are, only some are probed at a time", async () => {
  const ends: (() => void)[] = [];
  const { clock, watch } = watchOf(500, () => {
    return new Promise((resolve) => ends.push(() => resolve(true)));
  });
  using _watch = watch;
  await clock.pass(10_000);
  assert.equal(ends.length, 64);
  for (const end of ends.splice(0, 10)) end();
  await clock.pass(1_000);
  assert.equal(ends.length, 64);
});
