import assert from "node:assert/strict";
import { MemoryBudget } from "../../core/memory_budget.ts";
import { Script } from "../../../tests/support/rtmp_script.ts";
import { filler } from "../../../tests/support/rtmp_wire.ts";
import { RtmpPeer } from "../../../tests/support/rtmp_peer.ts";
import { RtmpRelayWorld } from "../../../tests/support/rtmp_relay_world.ts";
import { startOf } from "../../../tests/support/rtmp_origin.ts";
import { until } from "../../../tests/support/wait.ts";

const REFUSED = "srs_proxy_rtmp_refused_total";
const CALL_FAILED = "onStatus:NetConnection.Call.Failed";
const KILOBYTE = 1024;

function memoryOf(perConnection: number, perAddress: number, total: number): MemoryBudget {
  const limits = { perConnection, perAddress, total };
  return new MemoryBudget(() => limits);
}

/** Returns the beginnings of messages that announce 65,000 bytes, with `bytes` bytes of each. */
function begunMessages(count: number, bytes: number): Uint8Array {
  const script = new Script().control(1, bytes);
  for (let id = 10; id < 10 + count; id++) {
    script.raw(Uint8Array.of(id, 0, 0, 0, 0, 0xfd, 0xe8, 20, 0, 0, 0, 0));
    script.raw(filler(bytes));
  }
  return script.bytes;
}

Deno.test("announced lengths take no memory; bytes received are charged and released", async () => {
  const identifyMemory = memoryOf(256 * KILOBYTE, 4_096 * KILOBYTE, 8_192 * KILOBYTE);
  await using world = await RtmpRelayWorld.open({ identifyMemory });
  {
    using stack = new DisposableStack();
    for (let index = 0; index < 20; index++) {
      const client = stack.use(await world.connected());
      await client.say(begunMessages(4, 1));
    }
    await until("all be counted", () => identifyMemory.taken > 20 * 4_000);
    assert.ok(identifyMemory.taken < 20 * 16_384, `${identifyMemory.taken} bytes are kept`);
  }
  await until("all be given back", () => identifyMemory.taken === 0);
  assert.equal(identifyMemory.addresses, 0);
});

Deno.test("a client that exceeds its memory limit is told so and counted", async () => {
  const identifyMemory = memoryOf(64 * KILOBYTE, 4_096 * KILOBYTE, 8_192 * KILOBYTE);
  await using world = await RtmpRelayWorld.open({ identifyMemory });
  using client = await world.connected();
  await client.say(begunMessages(3, 30_000));
  await client.hears(CALL_FAILED);
  assert.equal(await world.metric('srs_proxy_rtmp_protocol_errors_total{side="client"}'), 1);
  assert.ok(identifyMemory.taken <= 64 * KILOBYTE);
});

Deno.test("clients of one address that exceed its limit leave the memory of others alone", async () => {
  const identifyMemory = memoryOf(128 * KILOBYTE, 512 * KILOBYTE, 8_192 * KILOBYTE);
  await using world = await RtmpRelayWorld.open({ identifyMemory });
  using stack = new DisposableStack();
  const greedy: Promise<RtmpPeer>[] = [];
  for (let index = 0; index < 12; index++) {
    const client = world.connected();
    greedy.push(client);
    // A client without memory for its handshake gets no reply; other refused clients are told so.
    await client.then((one) => stack.use(one).say(begunMessages(2, 30_000)), () => {});
  }
  const reason = `${REFUSED}{reason="memory_address"}`;
  await until("some be refused", async () => await world.metric(reason) >= 4);
  assert.ok(identifyMemory.taken <= 512 * KILOBYTE);
  await Promise.any(greedy.map(async (client) => await (await client).hears(CALL_FAILED)));
  using other = await world.wanting("play", "show", "::1");
  await other.hears(`onStatus:${startOf("play")}`);
});

Deno.test("when all memory is taken, a client that has sent nothing is disconnected and counted", async () => {
  const identifyMemory = memoryOf(256 * KILOBYTE, KILOBYTE, 8_192 * KILOBYTE);
  await using world = await RtmpRelayWorld.open({ identifyMemory });
  using client = await RtmpPeer.begin(world.relay.address.port, new Uint8Array());
  await client.ends();
  assert.equal(await world.metric(`${REFUSED}{reason="memory_address"}`), 1);
});

for (const intent of ["play", "publish"] as const) {
  Deno.test(`a ${intent} that an origin has accepted is charged nothing`, async () => {
    const identifyMemory = memoryOf(256 * KILOBYTE, 512 * KILOBYTE, 8_192 * KILOBYTE);
    await using world = await RtmpRelayWorld.open({ identifyMemory });
    using client = await world.connected();
    for (let index = 0; index < 20; index++) {
      await client.say(new Script().command(["say", 0, null, "x".repeat(8_000)]));
    }
    await until("all be kept", () => identifyMemory.taken > 160_000);
    const script = new Script().command(["createStream", 2, null]);
    await client.say(script.command([intent, 3, null, "show"], { streamId: 1 }));
    await client.hears(`onStatus:${startOf(intent)}`);
    await until("nothing count any more", () => identifyMemory.taken === 0);
  });
}

Deno.test("a client may use as many chunk streams as its memory allows", async () => {
  await using world = await RtmpRelayWorld.open();
  using client = await world.connected();
  const script = new Script();
  for (let id = 100; id < 300; id++) {
    script.message({ chunkStream: id, format: 0, type: 18, body: filler(3) });
  }
  script.command(["createStream", 2, null]);
  await client.say(script.command(["publish", 3, null, "show"], { streamId: 1 }));
  await client.hears(`onStatus:${startOf("publish")}`);
});
