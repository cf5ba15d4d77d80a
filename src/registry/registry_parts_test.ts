import assert from "node:assert/strict";
import { ProxyError } from "../core/errors.ts";
import { originTagOf } from "../core/origin_tag.ts";
import { MemoryStore } from "./memory_store.ts";
import { STREAM, World } from "../../tests/contract/registry_world.ts";

async function locate(
  world: World,
  tagOf: string,
  failed: readonly string[] = [],
): Promise<string> {
  const originTag = originTagOf(tagOf);
  const request = { stream: STREAM, originTag, protocol: "rtmp", failed } as const;
  return (await world.registry.locate(request)).id;
}

function isNotFound(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "not_found";
}

Deno.test("a part is where its tag says, whoever owns the stream", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s");
  await world.registry.confirm("s");
  await world.pass(5_000);
  await world.add("b");
  assert.equal(await locate(world, "b"), "b");
  assert.equal(await locate(world, "a"), "a");
  assert.equal(await world.owner(), "a", "asking moves nothing");
});

Deno.test("a part whose origin is gone is looked for at the stream's owner", async () => {
  await using world = await World.open();
  await world.add("a");
  await world.resolve("s");
  assert.equal(await locate(world, "gone"), "a");
  assert.equal(await locate(world, "a", ["b"]), "a");
  await world.pass(5_000);
  await assert.rejects(locate(world, "a", ["a"]), isNotFound);
});

Deno.test("a part of a stream that nobody knows is not found and leaves nothing", async () => {
  await using world = await World.open();
  await world.add("a");
  await assert.rejects(locate(world, "forged"), isNotFound);
  assert.equal(await world.owner(), undefined);
});

Deno.test("an origin that does not offer the protocol is skipped", async () => {
  await using world = await World.open();
  await world.addOne("a", { offers: [] });
  await assert.rejects(locate(world, "a"), isNotFound);
});

Deno.test("the tag of an origin that another proxy registered is known after a short while", async () => {
  const store = new MemoryStore({ maxOrigins: 10, maxStreams: 10 });
  await using world = await World.open({ store });
  await using other = await World.open({ store });
  await other.add("late");
  await assert.rejects(locate(world, "late"), isNotFound);
  await world.pass(300);
  assert.equal(await locate(world, "late"), "late");
});
