import assert from "node:assert/strict";
import { systemClock } from "../../core/clock.ts";
import { MemoryBudget } from "../../core/memory_budget.ts";
import { ampleMemory } from "../../../tests/support/ample_memory.ts";
import { HttpOrigin } from "../../../tests/support/http_origin.ts";
import { HttpRelayWorld } from "../../../tests/support/http_relay_world.ts";
import { RawHttp } from "../../../tests/support/raw_http.ts";
import { until } from "../../../tests/support/wait.ts";
import { WebServer, type WebServerOptions } from "../../http1/web_server.ts";
import { DenoTcpEngine } from "../../net/deno/tcp_engine.ts";

const HALF_A_HEAD = `GET /live/show.flv HTTP/1.1\r\nHost: tv.example\r\nX: ${"x".repeat(9_000)}`;

function memoryOf(perAddress: number): MemoryBudget {
  return new MemoryBudget(() => ({ perConnection: 65_536, perAddress, total: 2 ** 30 }));
}

function openApi(identifyMemory: MemoryBudget, handle: WebServerOptions["handle"]): WebServer {
  return WebServer.open({
    name: "HTTP API",
    listen: { host: "127.0.0.1", port: 0 },
    engine: new DenoTcpEngine(systemClock),
    limits: () => ({ maxConnections: 4, maxConnectionsPerAddress: 3 }),
    identifyMemory,
    timeouts: () => ({ head: 5_000, keepAlive: 5_000, stall: 5_000 }),
    handle,
    onRefused: () => {},
    onError: (error) => assert.fail(String(error)),
  });
}

Deno.test("request heads are charged as they arrive, and released when complete or gone", async () => {
  const identifyMemory = memoryOf(2 ** 20);
  await using world = await HttpRelayWorld.open({ identifyMemory });
  {
    using half = await world.client();
    using quiet = await world.client();
    await half.send(HALF_A_HEAD);
    await until("both be counted", () => identifyMemory.taken > 18_000);
    assert.ok(identifyMemory.taken <= 16_384 + 2_048, `${identifyMemory.taken} bytes are kept`);
    await half.send("\r\nConnection: close\r\n\r\n");
    await until("the whole head count no more", () => identifyMemory.taken <= 2_048);
    assert.equal((await half.until()).includes("503"), true, "there is no origin");
    quiet.close();
  }
  await until("all be given back", () => identifyMemory.taken === 0);
  assert.equal(identifyMemory.addresses, 0);
});

Deno.test("heads that exceed the memory budget are refused and counted; other clients are still served", async () => {
  const identifyMemory = memoryOf(40_000);
  await using world = await HttpRelayWorld.open({ identifyMemory });
  using first = await world.client();
  using second = await world.client();
  using third = await world.client();
  for (const client of [first, second]) await client.send(HALF_A_HEAD);
  await until("both be counted", () => identifyMemory.taken > 34_000);
  await third.send(HALF_A_HEAD);
  await third.until();
  assert.equal(third.status, 503);
  assert.match(third.body, /^Cannot keep more for clients of this address/);
  const reason = 'srs_proxy_http_refused_total{reason="memory_address"}';
  assert.equal(await world.metric(reason), 1);
  await first.send("\r\nConnection: close\r\n\r\n");
  await first.until();
  assert.equal(first.status, 503);
  assert.match(first.body, /no origin/);
  assert.deepEqual(world.errors, []);
});

Deno.test("a viewer is charged nothing while it watches", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\nFLV";
  await using origin = new HttpOrigin(() => (exchange) => exchange.write(head));
  const identifyMemory = memoryOf(2 ** 20);
  await using world = await HttpRelayWorld.open({ identifyMemory });
  await world.addOrigin("o", origin.httpPort);
  using viewer = await world.client();
  await viewer.get("/live/show.flv");
  await viewer.until("FLV");
  assert.equal(identifyMemory.taken, 0);
});

Deno.test("a body is charged together with its head until it is answered", async () => {
  const identifyMemory = ampleMemory();
  const begun = Promise.withResolvers<void>();
  await using server = openApi(identifyMemory, async (request) => {
    begun.resolve();
    return new Response(await request.text());
  });
  using client = await RawHttp.connect(server.address.port);
  await client.send(
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab",
  );
  await begun.promise;
  assert.ok(identifyMemory.taken > 0);
  await client.send("cd");
  await client.until();
  assert.equal(client.body, "abcd");
  client.close();
  await until("all be given back", () => identifyMemory.taken === 0);
});

Deno.test("a client that sends too much while it waits for its answer counts as gone", async () => {
  const limits = { perConnection: 6_000, perAddress: 2 ** 20, total: 2 ** 30 };
  const left = Promise.withResolvers<void>();
  await using server = openApi(new MemoryBudget(() => limits), async (request) => {
    request.signal.addEventListener("abort", () => left.resolve());
    await request.text();
    await left.promise;
    return new Response();
  });
  using client = await RawHttp.connect(server.address.port);
  await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
  await client.send("x".repeat(12_000));
  await left.promise;
});
