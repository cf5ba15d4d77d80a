// The System API on a port that strangers can reach: connections held without use are closed, and
// heartbeats still get through.

import assert from "node:assert/strict";
import { Proxy } from "../support/proxy.ts";
import { RawHttp } from "../support/raw_http.ts";
import { within } from "../support/wait.ts";

const HALF_A_HEAD = `POST /api/v1/srs/register HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(9_000)}`;
const BODY = JSON.stringify({
  ...{ ip: "127.0.0.1", server: "vid-1", service: "s", pid: "1", rtmp: ["1935"] },
});

async function register(proxy: Proxy): Promise<number> {
  const response = await fetch(proxy.systemUrl("/api/v1/srs/register"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: BODY,
  });
  await response.body?.cancel();
  return response.status;
}

async function counted(proxy: Proxy, reason: string): Promise<number> {
  const text = await (await fetch(proxy.systemUrl("/metrics"))).text();
  const line = new RegExp(`^srs_proxy_system_refused_total\\{reason="${reason}"\\} (\\d+)$`, "m");
  return Number(line.exec(text)?.[1] ?? -1);
}

Deno.test("the System API gives up unfinished heads and counts them", async () => {
  await using proxy = await Proxy.open({ PROXY_HTTP_HEAD_TIMEOUT: "1s" });
  const { systemApi: port } = proxy.ports;
  using stack = new DisposableStack();
  const clients: RawHttp[] = [];
  for (let index = 0; index < 20; index++) {
    const client = stack.use(await RawHttp.connect(port));
    clients.push(client);
    await client.send(index % 2 === 0 ? HALF_A_HEAD : "");
  }
  assert.equal(await register(proxy), 200);
  const ends = Promise.all(clients.map((client) => client.until()));
  await within("the end of all of them", 5_000, ends);
  assert.equal(await counted(proxy, "head_timeout"), 10);
});

Deno.test("the System API refuses heads that take too much memory, and keeps serving", async () => {
  const memory = "131072";
  await using proxy = await Proxy.open({
    ...{ PROXY_IDENTIFY_MEMORY_PER_ADDRESS: memory, PROXY_HTTP_HEAD_TIMEOUT: "2s" },
  });
  const { systemApi: port } = proxy.ports;
  using stack = new DisposableStack();
  const clients: RawHttp[] = [];
  for (let index = 0; index < 12; index++) {
    const client = stack.use(await RawHttp.connect(port));
    clients.push(client);
    await client.send(HALF_A_HEAD);
  }
  await within("the end of all of them", 8_000, Promise.all(clients.map((one) => one.until())));
  const refused = clients.filter(({ status }) => status === 503).length;
  assert.ok(refused >= 4, `${refused} were refused`);
  assert.equal(await counted(proxy, "memory_address"), refused);
  assert.equal(await register(proxy), 200);
});
