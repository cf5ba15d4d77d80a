import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import type { OriginChange } from "../core/origin.ts";
import { parsePlacement } from "../core/placement_rule.ts";
import { isNoOrigin, other, World } from "../../tests/contract/registry_world.ts";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { firstWithRoomByHash } from "./rendezvous.ts";

function change(world: World, id: string, what: OriginChange): Promise<boolean> {
  return world.registry.operations.changeOrigin(id, what);
}

/** Where this many new streams go, each served by a publisher of its own. */
async function spread(
  world: World,
  count: number,
  app = "many",
): Promise<Map<string, number>> {
  const loads = new Map<string, number>();
  for (let number = 0; number < count; number++) {
    const session = `${app}-${number}`;
    const id = await world.resolve(session, { stream: `v/${app}/${number}` });
    await world.registry.confirm(session);
    loads.set(id, (loads.get(id) ?? 0) + 1);
  }
  return loads;
}

Deno.test("a draining origin gets no new streams; running streams stay", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const id = await world.resolve("publisher");
  await world.registry.confirm("publisher");
  assert.equal(await change(world, id, { draining: true }), true);
  assert.equal(await world.resolve("viewer", { intent: "play" }), id);
  assert.deepEqual(await spread(world, 20), new Map([[other(id), 20]]));
  await change(world, id, { draining: false });
  assert.ok((await spread(world, 20, "more")).has(id));
});

Deno.test("a reconnecting publisher leaves a draining origin, a viewer does not", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const id = await world.resolve("publisher");
  await world.registry.confirm("publisher");
  await world.resolve("viewer", { intent: "play" });
  await world.registry.confirm("viewer");
  await change(world, id, { draining: true });
  world.registry.release("publisher");
  assert.equal(await world.resolve("late viewer", { intent: "play" }), id);
  assert.equal(await world.resolve("again"), other(id));
  assert.equal(world.count("srs_proxy_registry_moves_total draining"), 1);
});

Deno.test("if all origins are draining, new streams are refused with the reason", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  for (const id of ["a", "b"]) await change(world, id, { draining: true });
  await assert.rejects(world.resolve("one"), (error) => {
    return isNoOrigin(error) && /takes new streams/.test((error as Error).message);
  });
  assert.equal(await world.owner(), undefined);
});

for (const pick of [undefined, firstWithRoomByHash]) {
  const how = pick === undefined ? "the less loaded of two" : "hash";
  Deno.test(`weights of 3 : 1 spread 400 streams accordingly, within 10 %, by ${how}`, async () => {
    await using world = await World.open(pick === undefined ? {} : { pick });
    await world.add("a", "b");
    await change(world, "a", { weight: 75 });
    await change(world, "b", { weight: 25 });
    const loads = await spread(world, 400);
    assert.ok(Math.abs(loads.get("a")! - 300) <= 30, String(loads.get("a")));
    assert.ok(Math.abs(loads.get("b")! - 100) <= 10, String(loads.get("b")));
  });
}

Deno.test("an origin with weight 0 is used only if no other can be", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  await change(world, "a", { weight: 0 });
  assert.deepEqual(await spread(world, 20), new Map([["b", 20]]));
  const spare = await world.resolve("one", { stream: "v/a/spare", failed: ["b"] });
  assert.equal(spare, "a");
});

Deno.test("settings outlive heartbeats and restarts of the origin", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  await change(world, "a", { draining: true, weight: 7 });
  await world.addOne("a", { generation: "second/2" });
  const status = (await world.registry.origins()).find(({ origin }) => origin.id === "a");
  assert.deepEqual(status?.settings, { draining: true, weight: 7 });
});

Deno.test("a rule pins streams to the origins of a label", async () => {
  await using world = await World.open({ placement: parsePlacement("*/vip/*=gpu") });
  await world.registry.register({ ...sampleOrigin("a"), labels: ["gpu"] });
  await world.add("b", "c");
  for (let number = 0; number < 20; number++) {
    assert.equal(await world.resolve(`vip ${number}`, { stream: `v/vip/${number}` }), "a");
  }
  await change(world, "c", { labels: ["gpu"] });
  await change(world, "a", { labels: [] });
  assert.equal(await world.resolve("next", { stream: "v/vip/next" }), "c");
  await change(world, "a", { labels: null });
  await change(world, "c", { draining: true });
  assert.equal(await world.resolve("last", { stream: "v/vip/last" }), "a");
  await assert.rejects(
    world.resolve("none", { stream: "v/vip/none", failed: ["a"] }),
    isNoOrigin,
  );
});

Deno.test("an origin can be forgotten with its settings until it registers again", async () => {
  await using world = await World.open({ permanent: [sampleOrigin("fixed")] });
  await world.add("a");
  const { operations } = world.registry;
  await change(world, "a", { draining: true });
  assert.equal(await operations.forgetOrigin("a"), true);
  const known = async () => (await world.registry.origins()).map(({ origin }) => origin.id);
  assert.deepEqual(await known(), ["fixed"]);
  assert.equal(await operations.forgetOrigin("a"), false);
  assert.equal(await change(world, "a", { draining: true }), false);
  await world.add("a");
  const status = (await world.registry.origins()).find(({ origin }) => origin.id === "a");
  assert.equal(status?.settings.draining, false);
  await assert.rejects(operations.forgetOrigin("fixed"), ProxyError);
});

Deno.test("the settings of an origin that has gone are kept for a week", async () => {
  await using world = await World.open();
  await world.add("a");
  await change(world, "a", { draining: true });
  const DAY = 24 * 3_600_000;
  const isDraining = async () => {
    await world.add("a");
    return (await world.registry.origins())[0]!.settings.draining;
  };
  await world.pass(6 * DAY);
  assert.equal(await isDraining(), true);
  await world.pass(8 * DAY);
  assert.equal(await isDraining(), false);
});

Deno.test("all sessions of a stream can be ended", async () => {
  const ended: string[] = [];
  const sessions = {
    received: () => Promise.resolve(new Map()),
    end: (session: string, reason: string) => void ended.push(`${session} ${reason}`),
  };
  await using world = await World.open({ sessions });
  await world.add("a");
  for (const session of ["one", "two"]) await world.resolve(session, { intent: "play" });
  await world.resolve("three", { intent: "play", stream: "v/a/other" });
  assert.equal(await world.registry.operations.endStream("v/a/s"), 2);
  assert.deepEqual(ended, ["one kicked", "two kicked"]);
  assert.equal(await world.registry.operations.endStream("v/a/none"), 0);
});

Deno.test("single streams are shown, and lists have filters and totals", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  await spread(world, 30);
  const { registry } = world;
  const one = await registry.operations.stream("v/many/7");
  assert.deepEqual([one?.stream, one?.live], ["v/many/7", true]);
  assert.equal(await registry.operations.stream("v/many/70"), undefined);
  const all = await registry.streams({ limit: 10 });
  assert.deepEqual([all.streams.length, all.total], [10, 30]);
  const atA = await registry.streams({ limit: 100, origin: "a" });
  assert.ok(atA.total === atA.streams.length && atA.total < 30);
  const found = await registry.streams({ limit: 2, text: "MANY/2" });
  assert.deepEqual([found.streams.length, found.total], [2, 11]);
  const rest = await registry.streams({ limit: 100, text: "many/2", after: found.next });
  assert.deepEqual([rest.streams.length, rest.total, rest.next], [9, 11, undefined]);
  assert.equal((await registry.streams({ limit: 1, live: false })).total, 0);
});
