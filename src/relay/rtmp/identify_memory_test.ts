import assert from "node:assert/strict";
import { MemoryBudget } from "../../core/memory_budget.ts";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { filler } from "../../../tests/support/rtmp_wire.ts";
import { RtmpOrigin, TAKE_PLAYER, TAKE_PUBLISHER } from "../../../tests/support/rtmp_origin.ts";
import { type RtmpClient, RtmpRelayWorld } from "../../../tests/support/rtmp_limits_world.ts";
import { until } from "../../../tests/support/wait.ts";

const REFUSED = "srs_proxy_rtmp_refused_total";
const CALL_FAILED = "NetConnection.Call.Failed";
const KILOBYTE = 1024;

function memoryOf(perConnection: number, perAddress: number, total: number): MemoryBudget {
  const limits = { perConnection, perAddress, total };
  return new MemoryBudget(() => limits);
}

/** Headers of messages that are to have 65,000 bytes, with `bytes` of each. */
function begunMessages(count: number, bytes: number): Uint8Array {
  const script = new Script().control(1, bytes);
  for (let id = 10; id < 10 + count; id++) {
    script.raw(Uint8Array.of(id, 0, 0, 0, 0, 0xfd, 0xe8, 20, 0, 0, 0, 0));
    script.raw(filler(bytes));
  }
  return script.bytes;
}

Deno.test("what RTMP clients announce takes no memory, what they have sent counts and comes back", async () => {
  const identifyMemory = memoryOf(256 * KILOBYTE, 4_096 * KILOBYTE, 8_192 * KILOBYTE);
  await using world = await RtmpRelayWorld.open({ identifyMemory });
  {
    using stack = new DisposableStack();
    for (let index = 0; index < 20; index++) {
      const client = stack.use(await world.client());
      await client.connect();
      await client.send(begunMessages(4, 1));
    }
    await until("all be counted", () => identifyMemory.taken > 20 * 4_000);
    assert.ok(identifyMemory.taken < 20 * 16_384, `${identifyMemory.taken} bytes are kept`);
    const gauge = "srs_proxy_identify_memory_bytes";
    await until("it be shown", async () => await world.metric(gauge) > 20 * 4_000);
  }
  await until("all be given back", () => identifyMemory.taken === 0);
  assert.equal(identifyMemory.addresses, 0);
  assert.deepEqual(world.errors, []);
});

Deno.test("a client that makes the proxy keep too much is told so, and counted", async () => {
  const identifyMemory = memoryOf(64 * KILOBYTE, 4_096 * KILOBYTE, 8_192 * KILOBYTE);
  await using world = await RtmpRelayWorld.open({ identifyMemory });
  using client = await world.client();
  await client.connect();
  await client.send(begunMessages(3, 30_000));
  assert.ok(await client.isTold(CALL_FAILED), "it is told");
  assert.equal(await world.metric('srs_proxy_rtmp_protocol_errors_total{side="client"}'), 1);
  assert.ok(identifyMemory.taken <= 64 * KILOBYTE);
  assert.deepEqual(world.errors, []);
});

Deno.test("clients of one address that keep too much together leave the others theirs", async () => {
  await using origin = new RtmpOrigin(TAKE_PLAYER);
  const identifyMemory = memoryOf(128 * KILOBYTE, 512 * KILOBYTE, 8_192 * KILOBYTE);
  await using world = await RtmpRelayWorld.open({ identifyMemory });
  await world.addOrigin("o", origin.port);
  using stack = new DisposableStack();
  const greedy: RtmpClient[] = [];
  for (let index = 0; index < 12; index++) {
    const client = stack.use(await world.client());
    greedy.push(client);
    await client.connect();
    await client.send(begunMessages(2, 30_000));
  }
  const reason = `${REFUSED}{reason="memory_address"}`;
  await until("some be refused", async () => await world.metric(reason) >= 4);
  assert.ok(identifyMemory.taken <= 512 * KILOBYTE);
  // Whoever has no memory for its handshake hears nothing; the others that are refused are told so.
  const isTold = await Promise.any(greedy.map(async (client) => {
    if (await client.isTold(CALL_FAILED)) return true;
    throw new Error("It was closed");
  }));
  assert.ok(isTold);
  using other = stack.use(await world.client("::1"));
  await other.want("play", "show");
  assert.ok(await other.isTold("NetStream.Play.Start"), "another address is served");
  assert.deepEqual(world.errors, []);
});

Deno.test("where all memory is taken a client that has said nothing is closed, and counted", async () => {
  const identifyMemory = memoryOf(256 * KILOBYTE, KILOBYTE, 8_192 * KILOBYTE);
  await using world = await RtmpRelayWorld.open({ identifyMemory });
  using client = await world.client();
  await client.end();
  assert.equal(await world.metric(`${REFUSED}{reason="memory_address"}`), 1);
  assert.deepEqual(world.errors, []);
});

for (
  const [intent, answers, start] of [
    ["play", TAKE_PLAYER, "NetStream.Play.Start"],
    ["publish", TAKE_PUBLISHER, "NetStream.Publish.Start"],
  ] as const
) {
  Deno.test(`a ${intent} that an origin has taken keeps nothing of it, and counts no more`, async () => {
    await using origin = new RtmpOrigin(answers);
    const identifyMemory = memoryOf(256 * KILOBYTE, 512 * KILOBYTE, 8_192 * KILOBYTE);
    await using world = await RtmpRelayWorld.open({ identifyMemory });
    await world.addOrigin("o", origin.port);
    using client = await world.client();
    await client.connect();
    for (let index = 0; index < 20; index++) {
      await client.send(new Script().command(["say", 0, null, "x".repeat(8_000)]).bytes);
    }
    await until("all be kept", () => identifyMemory.taken > 160_000);
    const script = new Script().command(["createStream", 2, null]);
    await client.send(script.command([intent, 3, null, "show"], { streamId: 1 }).bytes);
    assert.ok(await client.isTold(start));
    await until("nothing count any more", () => identifyMemory.taken === 0);
    assert.deepEqual(world.errors, []);
  });
}

Deno.test("a client uses as many chunk streams as it likes within its memory", async () => {
  await using origin = new RtmpOrigin(TAKE_PUBLISHER);
  await using world = await RtmpRelayWorld.open();
  await world.addOrigin("o", origin.port);
  using client = await world.client();
  await client.connect();
  const script = new Script();
  for (let id = 100; id < 300; id++) {
    script.message({ chunkStream: id, format: 0, type: 18, body: filler(3) });
  }
  await client.send(script.bytes);
  const wish = new Script().command(["createStream", 2, null]);
  await client.send(wish.command(["publish", 3, null, "show"], { streamId: 1 }).bytes);
  assert.ok(await client.isTold("NetStream.Publish.Start"));
});
