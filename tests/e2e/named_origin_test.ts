// Origins with host names, as on container platforms: registered, as the default backend, and
// through Redis.

import assert from "node:assert/strict";
import { Publisher } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Proxy } from "../support/proxy.ts";
import { RedisServer } from "../support/redis_server.ts";
import { registeredOrigins, sendHeartbeat } from "../support/register.ts";
import { until } from "../support/wait.ts";

function heartbeatOf(origin: NginxRtmp) {
  const rtmp = [`${origin.rtmpPort}`];
  return { ip: "LOCALHOST", server: "vid-named", service: "1", pid: "1", rtmp };
}

Deno.test({
  name: "an origin registers with an allowed name and serves, and with no other name",
  timeout: 60_000,
  async fn() {
    await using origin = await NginxRtmp.open();
    await using closed = await Proxy.open();
    await assert.rejects(sendHeartbeat(closed, heartbeatOf(origin)), /400/);
    await using proxy = await Proxy.open({ PROXY_REGISTER_ALLOW: "127.0.0.0/8,localhost" });
    await sendHeartbeat(proxy, heartbeatOf(origin));
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    assert.deepEqual(await origin.publishedStreams(), ["x"]);
    const itself = { ...heartbeatOf(origin), rtmp: [`${proxy.ports.rtmp}`] };
    await assert.rejects(sendHeartbeat(proxy, itself), /400/);
  },
});

Deno.test({
  name: "the default backend may have a name",
  timeout: 60_000,
  async fn() {
    await using origin = await NginxRtmp.open();
    await using proxy = await Proxy.open({
      PROXY_DEFAULT_BACKEND_ENABLED: "on",
      PROXY_DEFAULT_BACKEND_IP: "localhost",
      PROXY_DEFAULT_BACKEND_RTMP: `${origin.rtmpPort}`,
    });
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    assert.deepEqual(await origin.publishedStreams(), ["x"]);
  },
});

Deno.test({
  name: "an origin registered with a name at one proxy is found by it at another",
  timeout: 60_000,
  async fn() {
    await using redis = await RedisServer.open();
    const variables = {
      PROXY_LOAD_BALANCER_TYPE: "redis",
      PROXY_REDIS_PORT: String(redis.port),
      PROXY_REGISTER_ALLOW: "localhost",
    };
    await using one = await Proxy.open(variables);
    await using two = await Proxy.open(variables);
    await using origin = await NginxRtmp.open();
    await sendHeartbeat(one, heartbeatOf(origin));
    await until("the other know it", async () => (await registeredOrigins(two)).length === 1);
    await using _publisher = await Publisher.publish(two.rtmpUrl("x"));
    assert.deepEqual(await origin.publishedStreams(), ["x"]);
  },
});
