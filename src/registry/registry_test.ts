import assert from "node:assert/strict";
import {
  IDLE,
  isNoOrigin,
  ORIGIN_TTL,
  other,
  STREAM,
  World,
} from "../../tests/contract/registry_world.ts";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { ProxyError } from "../core/errors.ts";
import { MemoryStore } from "./memory_store.ts";
import { Registry } from "./registry.ts";

Deno.test("without origins a request fails and leaves nothing", async () => {
  await using world = await World.open();
  await assert.rejects(world.resolve("s1"), isNoOrigin);
  assert.equal(await world.owner(), undefined);
});

Deno.test("a stream keeps its origin", async () => {
  await using world = await World.open();
  await world.add("a", "b", "c", "d");
  const id = await world.resolve("s0");
  for (let session = 1; session < 50; session++) {
    assert.equal(await world.resolve(`s${session}`), id);
  }
  assert.equal(world.count("srs_proxy_registry_picks_total"), 1);
});

Deno.test("new streams go where there are fewer", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  for (let stream = 0; stream < 40; stream++) {
    await world.resolve(`s${stream}`, { stream: `${stream}` });
  }
  const loads = (await world.registry.origins()).map(({ streams }) => streams);
  assert.deepEqual(loads, [20, 20]);
});

Deno.test("a failed request leaves no mapping", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1");
  assert.equal(await world.owner(), "a");
  world.registry.release("s1");
  assert.equal(await world.owner(), undefined);
});

Deno.test("the mapping stays until the last of several failing requests is over", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1");
  await world.resolve("s2");
  world.registry.release("s1");
  assert.equal(await world.owner(), "a");
  world.registry.release("s2");
  assert.equal(await world.owner(), undefined);
});

Deno.test("a request waiting long for its answer keeps the mapping", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1");
  await world.pass(60_000);
  assert.equal(await world.owner(), "a");
});

Deno.test("a confirmed stream outlives its last session by the idle time", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1");
  await world.registry.confirm("s1");
  await world.pass(10 * 60_000 - 1);
  await world.add("a");
  assert.equal(await world.owner(), "a");
  world.registry.release("s1");
  await world.pass(IDLE - 1);
  assert.equal(await world.owner(), "a");
  await world.pass(2);
  assert.equal(await world.owner(), undefined);
});

Deno.test("a failed request for an idle stream neither shortens nor prolongs its life", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1");
  await world.registry.confirm("s1");
  world.registry.release("s1");
  await world.pass(IDLE / 2);
  await world.resolve("s2");
  world.registry.release("s2");
  assert.equal(await world.owner(), "a");
  await world.pass(IDLE / 2 - 1);
  assert.equal(await world.owner(), "a");
  await world.pass(2);
  assert.equal(await world.owner(), undefined);
});

Deno.test("a request begun as the idle time ends keeps the mapping while it lasts", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1");
  await world.registry.confirm("s1");
  world.registry.release("s1");
  await world.pass(IDLE - 10_000);
  await world.resolve("s2");
  await world.pass(30_000);
  assert.equal(await world.owner(), "a");
});

Deno.test("a failed origin loses the stream within the same request", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const first = await world.resolve("s1");
  const second = await world.resolve("s1", { failed: [first] });
  assert.equal(second, other(first));
  assert.equal(await world.owner(), second);
  assert.equal(await world.resolve("s2"), second);
  assert.equal(world.count("srs_proxy_registry_moves_total failed"), 1);
});

Deno.test("a viewer whose dial fails leaves a running stream where it is", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const first = await world.resolve("publisher");
  await world.registry.confirm("publisher");
  const viewer = { intent: "play", failed: [] as string[] } as const;
  assert.equal(await world.resolve("viewer", viewer), first);
  await assert.rejects(world.resolve("viewer", { ...viewer, failed: [first] }), (error) => {
    return error instanceof ProxyError && error.code === "origin_unreachable";
  });
  world.registry.release("viewer");
  assert.equal(await world.owner(), first);
  assert.equal(world.count("srs_proxy_registry_moves_total failed"), 0);
});

Deno.test("a publisher whose dial fails takes along a stream that is not live", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const first = await world.resolve("viewer", { intent: "play" });
  await world.registry.confirm("viewer");
  assert.equal(await world.resolve("again", { failed: [first] }), other(first));
  assert.equal(await world.owner(), other(first));
});

Deno.test("a viewer moves a stream whose sessions have all ended", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const first = await world.resolve("publisher");
  await world.registry.confirm("publisher");
  world.registry.release("publisher");
  assert.equal(await world.resolve("viewer", { intent: "play", failed: [first] }), other(first));
});

Deno.test("if all origins have failed, the request fails and leaves nothing", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  await world.resolve("s1");
  await world.resolve("s1", { failed: ["a"] });
  await assert.rejects(world.resolve("s1", { failed: ["a", "b"] }), isNoOrigin);
  assert.equal(await world.owner(), undefined);
});

Deno.test("the text of a refusal names no origin", async () => {
  await using world = await World.open();
  await world.add("secret-name");
  await world.resolve("s1");
  await assert.rejects(world.resolve("s1", { failed: ["secret-name"] }), (error: Error) => {
    return !/secret|192\.0\.2/.test(error.message);
  });
});

Deno.test("a running stream is not taken from its origin for lack of a protocol", async () => {
  await using world = await World.open();
  await world.addOne("a", { offers: ["rtmp"] });
  await world.resolve("s1");
  await world.registry.confirm("s1");
  await world.addOne("b", { offers: ["rtmp", "http"] });
  await assert.rejects(world.resolve("s2", { protocol: "http" }), isNoOrigin);
  world.registry.release("s2");
  assert.equal(await world.resolve("s3"), "a");
});

Deno.test("a stream that does not run yet goes where its protocol is offered", async () => {
  await using world = await World.open();
  await world.addOne("a", { offers: ["rtmp"] });
  await world.resolve("s1");
  await world.addOne("b", { offers: ["rtmp", "http"] });
  assert.equal(await world.resolve("s2", { protocol: "http" }), "b");
});

Deno.test("a stream goes back to where it runs when its new origin serves nobody", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  const first = await world.resolve("viewer", { intent: "play" });
  await world.registry.confirm("viewer");
  assert.equal(await world.resolve("publisher", { failed: [first] }), other(first));
  assert.equal(await world.owner(), other(first));
  world.registry.release("publisher");
  assert.equal(await world.owner(), first);
  assert.equal(await world.resolve("next"), first);
});

Deno.test("a session released while it is being resolved leaves nothing", async () => {
  await using world = await World.open();
  await world.add("a");
  const pending = world.resolve("s1");
  world.registry.release("s1");
  assert.equal(await pending, "a");
  assert.equal(await world.owner(), undefined);
});

Deno.test("releasing twice, unknown sessions and late confirmations are harmless", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1");
  await world.resolve("s2");
  world.registry.release("s1");
  world.registry.release("s1");
  world.registry.release("unknown");
  await world.registry.confirm("s1");
  await world.registry.confirm("unknown");
  assert.equal(await world.owner(), "a");
  world.registry.release("s2");
  assert.equal(await world.owner(), undefined);
});

Deno.test("one session may ask for one stream after another", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s1", { stream: "first" });
  await world.resolve("s1", { stream: "second" });
  assert.equal(await world.owner("first"), undefined);
  world.registry.release("s1");
  assert.equal(await world.owner("second"), undefined);
});

Deno.test("the default origin needs no heartbeat, and nobody can take its place", async () => {
  await using world = await World.open({ permanent: [sampleOrigin("default-backend")] });
  await world.pass(ORIGIN_TTL * 2);
  assert.equal(await world.resolve("s1"), "default-backend");
  await assert.rejects(world.add("default-backend"), (error) => {
    return error instanceof ProxyError && error.code === "bad_request";
  });
  await world.add("a");
  assert.equal(await world.resolve("s2", { stream: "other" }), "a");
});

Deno.test("a new time to live of origins applies from their next heartbeat on", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  await world.registry.configure({ originTtl: 10_000 });
  await world.add("b");
  await world.pass(11_000);
  assert.deepEqual((await world.registry.origins()).map(({ origin }) => origin.id), ["a"]);
});

Deno.test("new settings apply completely or not at all", async () => {
  await using world = await World.open();
  for (let index = 0; index < 10; index++) await world.add(`o${index}`);
  const permanent = [sampleOrigin("default-backend")];
  await assert.rejects(world.registry.configure({ originTtl: 10_000, permanent }), (error) => {
    return error instanceof ProxyError && error.code === "overloaded";
  });
  await world.add("o0");
  await world.pass(11_000);
  assert.equal((await world.registry.origins()).length, 10, "the life of origins has changed");
  await world.pass(ORIGIN_TTL);
  await world.add("default-backend");
});

Deno.test("a proxy without room refuses new origins and keeps the old", async () => {
  await using world = await World.open();
  for (let index = 0; index < 10; index++) await world.add(`o${index}`);
  await assert.rejects(world.add("one-more"), (error) => {
    return error instanceof ProxyError && error.code === "overloaded";
  });
  await world.add("o0");
  assert.equal((await world.registry.origins()).length, 10);
});

Deno.test("upkeep reports the numbers of origins and streams", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  await world.resolve("s1", { stream: "one" });
  await world.resolve("s2", { stream: "two" });
  await world.pass(5_000);
  assert.equal(world.count("srs_proxy_origins"), 2);
  assert.equal(world.count("srs_proxy_streams"), 2);
});

Deno.test("a very short idle time still survives the pauses between renewals", async () => {
  await using world = await World.open({ streamIdle: 1_000 });
  await world.add("a");
  await world.resolve("s1");
  await world.registry.confirm("s1");
  await world.pass(20_000);
  assert.equal(await world.owner(), "a");
  world.registry.release("s1");
  await world.pass(1_001);
  assert.equal(await world.owner(), undefined);
});

Deno.test("more streams than fit one batch are all renewed", async () => {
  await using world = await World.open();
  await world.add("a", "b");
  for (let stream = 0; stream < 1_201; stream++) {
    await world.resolve(`s${stream}`, { stream: `${stream}` });
  }
  await world.pass(60_000);
  assert.equal((await world.registry.streams({ limit: 10_000 })).streams.length, 1_201);
});

Deno.test("the registry's own timer and clock work, and end with it", async () => {
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 10 });
  const { promise, resolve } = Promise.withResolvers<number>();
  const metrics = {
    count: () => {},
    gauge: (name: string, value: number) => {
      if (name === "srs_proxy_streams" && value > 0) resolve(value);
    },
    observe: () => {},
  };
  await using registry = await Registry.open({
    store,
    metrics,
    originTtl: ORIGIN_TTL,
    streamIdle: 1_000,
  });
  await registry.register(sampleOrigin("a"));
  const request = { stream: STREAM, protocol: "rtmp", intent: "play", failed: [] } as const;
  await registry.resolve({ ...request, session: "s1" });
  assert.equal(await promise, 1);
});
