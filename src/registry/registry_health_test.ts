import assert from "node:assert/strict";
import { ORIGIN_TTL, other, World } from "../../tests/contract/registry_world.ts";

Deno.test("an origin that does not answer gets no new streams for a while", async () => {
  await using world = await World.open({ random: Math.random });
  await world.add("a", "b");
  world.registry.unreachable("a", "rtmp");
  assert.equal(world.count("srs_proxy_origins_set_aside_total rtmp"), 1);
  for (let stream = 0; stream < 20; stream++) {
    assert.equal(await world.resolve(`s${stream}`, { stream: `${stream}` }), "b");
  }
  const status = (await world.registry.origins()).find(({ origin }) => origin.id === "a");
  const pause = status?.setAsideFor.rtmp ?? 0;
  assert.ok(pause > 700 && pause <= 1_000);
  await world.pass(1_000);
  assert.equal(await world.resolve("next", { stream: "next" }), "a");
});

Deno.test("an origin on trial is tried by one request only", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  world.registry.unreachable("a", "rtmp");
  for (let stream = 0; stream < 4; stream++) {
    await world.resolve(`x${stream}`, { stream: `${stream}` });
  }
  await world.pass(1_000);
  assert.equal(await world.resolve("s1", { stream: "one" }), "a");
  assert.equal(await world.resolve("s2", { stream: "two" }), "b");
  world.registry.reached("a", "rtmp");
  assert.equal(await world.resolve("s3", { stream: "three" }), "a");
});

Deno.test("an origin set aside loses its idle streams", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const id = await world.resolve("s1");
  await world.registry.confirm("s1");
  world.registry.release("s1");
  world.registry.unreachable(id, "rtmp");
  assert.equal(await world.resolve("s2"), other(id));
  assert.equal(world.count("srs_proxy_registry_moves_total set_aside"), 1);
});

Deno.test("an origin set aside keeps the streams that run, as long as they do", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const id = await world.resolve("s1");
  await world.registry.confirm("s1");
  world.registry.unreachable(id, "rtmp");
  assert.equal(await world.resolve("s2"), id);
  world.registry.release("s1");
  assert.equal(await world.resolve("s3"), other(id));
});

Deno.test("failures before an origin expired do not count against its successor", async () => {
  await using world = await World.open({ originTtl: 5_000 });
  for (let failure = 0; failure < 6; failure++) {
    world.registry.unreachable("a", "rtmp");
    await world.pass(2 ** failure * 1_000);
  }
  await world.add("a");
  world.registry.unreachable("a", "rtmp");
  await world.pass(5_000);
  await world.addOne("a", { generation: "second/2" });
  await world.add("b");
  assert.deepEqual((await world.registry.origins()).map((status) => status.setAsideFor), [{}, {}]);
});

Deno.test("if all are set aside, the one whose time ends first is tried", async () => {
  await using world = await World.open({ random: () => 0.5 });
  await world.add("a", "b");
  world.registry.unreachable("a", "rtmp");
  await world.pass(100);
  world.registry.unreachable("b", "rtmp");
  assert.equal(await world.resolve("s1"), "a");
  assert.equal(await world.resolve("s2"), "a");
});

Deno.test("a restarted origin's failures are forgotten, and it keeps its streams", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const id = await world.resolve("s1");
  await world.registry.confirm("s1");
  world.registry.release("s1");
  world.registry.unreachable(id, "rtmp");
  await world.addOne(id, { generation: "second/2" });
  assert.equal(await world.resolve("s2"), id);
  assert.equal((await world.registry.origins()).length, 2);
});

Deno.test("a heartbeat of the same process does not clear its failures", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  world.registry.unreachable("a", "rtmp");
  await world.add("a");
  assert.equal(await world.resolve("s1"), "b");
});

Deno.test("an origin without heartbeats expires, and its streams go elsewhere", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1");
  await world.registry.confirm("s1");
  await world.pass(ORIGIN_TTL - 1);
  await world.add("b");
  assert.equal(await world.resolve("s2"), "a");
  await world.pass(1);
  assert.deepEqual((await world.registry.origins()).map(({ origin }) => origin.id), ["b"]);
  world.registry.release("s1");
  assert.equal(await world.resolve("s3"), "b");
  assert.equal(world.count("srs_proxy_registry_moves_total gone"), 1);
});

Deno.test("an origin set aside for one protocol is used for the others", async () => {
  await using world = await World.open({ random: Math.random });
  await world.addOne("a", { offers: ["rtmp", "http"] });
  await world.addOne("b", { offers: ["rtmp", "http"] });
  world.registry.unreachable("a", "http");
  const origins = new Set<string>();
  for (let stream = 0; stream < 20; stream++) {
    const http = { stream: `http/${stream}`, protocol: "http", intent: "play" } as const;
    assert.equal(await world.resolve(`h${stream}`, http), "b");
    origins.add(await world.resolve(`r${stream}`, { stream: `rtmp/${stream}` }));
  }
  assert.ok(origins.has("a"));
  world.registry.reached("a", "rtmp");
  const [status] = (await world.registry.origins()).filter(({ origin }) => origin.id === "a");
  assert.deepEqual(Object.keys(status?.setAsideFor ?? {}), ["http"]);
});
