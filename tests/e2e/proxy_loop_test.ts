// A proxy registered as an origin, at itself or at another proxy: every stream would loop until the
// machine is full.

import assert from "node:assert/strict";
import { Publisher, testFile } from "../support/ffmpeg.ts";
import { Gateway } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { RedisServer } from "../support/redis_server.ts";
import { heartbeatOf, registeredOrigins } from "../support/register.ts";
import { until } from "../support/wait.ts";

async function statusOf(proxy: Proxy, body: unknown): Promise<string> {
  const response = await fetch(proxy.systemUrl("/api/v1/srs/register"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return `${response.status} ${await response.text()}`;
}

Deno.test({
  name: "another proxy cannot register, with any of its ports, nor indirectly",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using other = await Proxy.open();
    await using gateway = new Gateway(proxy.ports.rtmp);
    const { rtmp, httpServer, httpApi, srt } = other.ports;
    const nobody = freePort();
    const proxies = [
      { rtmpPort: rtmp },
      { rtmpPort: nobody, httpPort: httpServer },
      { rtmpPort: nobody, apiPort: httpApi },
      { rtmpPort: rtmp, srtPort: srt },
      { rtmpPort: gateway.address.port },
    ];
    for (const [index, ports] of proxies.entries()) {
      const answer = await statusOf(proxy, heartbeatOf({ name: `p${index}`, ...ports }, "1"));
      assert.match(answer, /^400 .*a proxy answers there/, JSON.stringify(ports));
    }
    assert.deepEqual(await registeredOrigins(proxy), []);
  },
});

Deno.test({
  name: "one that hides until it has registered gets one connection and no more",
  timeout: 60_000,
  async fn() {
    await testFile();
    await using proxy = await Proxy.open();
    await using gateway = new Gateway(proxy.ports.rtmp);
    gateway.cut();
    const heartbeat = heartbeatOf({ name: "hidden", rtmpPort: gateway.address.port }, "1");
    assert.match(await statusOf(proxy, heartbeat), /^200 /);
    gateway.mend();
    await using publisher = await Publisher.open(proxy.rtmpUrl("x"));
    assert.notEqual((await publisher.end()).code, 0);
    const metrics = await (await fetch(proxy.systemUrl("/metrics"))).text();
    const dials = /origin_dials_total\{protocol="rtmp",result="origin_unreachable"\} (\d+)/;
    assert.equal(dials.exec(metrics)?.[1], "1", "the stream looped");
  },
});

Deno.test({
  name: "a UDP port of another proxy of the fleet is refused, although it cannot be asked",
  timeout: 60_000,
  async fn() {
    await using redis = await RedisServer.open();
    const variables = {
      PROXY_LOAD_BALANCER_TYPE: "redis",
      PROXY_REDIS_PORT: String(redis.port),
    };
    await using proxy = await Proxy.open(variables);
    await using other = await Proxy.open(variables);
    const { srt } = other.ports;
    const heartbeat = heartbeatOf({ name: "udp", rtmpPort: freePort(), srtPort: srt }, "1");
    const answer = await until("the proxy to hear of the other", async () => {
      const said = await statusOf(proxy, heartbeat);
      return said.startsWith("400") && said;
    }, { timeout: 20_000 });
    assert.match(answer, /proxy/);
  },
});
