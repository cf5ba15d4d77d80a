import assert from "node:assert/strict";
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
