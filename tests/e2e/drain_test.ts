// An origin is drained, and a stream ended, through one proxy while streams run through another on the same
// Redis.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { fetchText, type OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { RedisServer } from "../support/redis_server.ts";
import { until } from "../support/wait.ts";

function openProxy(redis: RedisServer): Promise<Proxy> {
  return Proxy.open({
    PROXY_LOAD_BALANCER_TYPE: "redis",
    PROXY_REDIS_PORT: String(redis.port),
  });
}

async function originAt(proxy: Proxy, { name }: OriginServer) {
  const text = await fetchText(proxy.systemUrl(`/api/v1/origins/vid-${name}`));
  return JSON.parse(text).origin;
}

async function decide(proxy: Proxy, { name }: OriginServer, what: string): Promise<void> {
  const path = `/api/v1/origins/vid-${name}/${what}`;
  const response = await fetch(proxy.systemUrl(path), { method: "POST" });
  assert.equal(response.status, 200, await response.text());
}

Deno.test({
  name:
    "a drain through one proxy takes effect at the other within a second, and survives restarts",
  timeout: 90_000,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const redis = stack.use(await RedisServer.open());
    const [asked, used] = [stack.use(await openProxy(redis)), stack.use(await openProxy(redis))];
    const one = stack.use(await NginxRtmp.open({ name: "one" }));
    const two = stack.use(await NginxRtmp.open({ name: "two" }));
    for (const origin of [one, two]) stack.use(await Registration.open([asked], origin));
    await until("both", async () => (await registeredOrigins(used)).length === 2);
    await decide(asked, two, "drain");
    const isDraining = async (proxy: Proxy, origin: OriginServer) => {
      return (await originAt(proxy, origin)).draining;
    };
    await until("the drain", () => isDraining(used, two), { timeout: 1_000, interval: 20 });
    for (const stream of ["a", "b", "c"]) stack.use(await Publisher.publish(used.rtmpUrl(stream)));
    assert.deepEqual((await one.publishedStreams()).sort(), ["a", "b", "c"]);
    await using viewer = new Viewer(used.rtmpUrl("a"));
    await viewer.moreVideo(5);

    await decide(asked, two, "undrain");
    await decide(asked, one, "drain");
    await until("the drain", () => isDraining(used, one), { timeout: 1_000, interval: 20 });
    for (const stream of ["d", "e", "f"]) stack.use(await Publisher.publish(used.rtmpUrl(stream)));
    assert.deepEqual((await two.publishedStreams()).sort(), ["d", "e", "f"]);
    // Streams that run there continue, and accept viewers.
    await using late = new Viewer(used.rtmpUrl("b"));
    await Promise.all([viewer.moreVideo(10), late.moreVideo(10)]);
    // Also at a proxy that has none of these sessions.
    await until("the sessions of the fleet", async () => {
      const { publishers, viewers } = await originAt(asked, one);
      return publishers === 3 && viewers === 2;
    }, { timeout: 20_000, interval: 500 });
    await using fresh = await openProxy(redis);
    await until("the drain", () => isDraining(fresh, one), { timeout: 3_000, interval: 20 });

    // Everything of a stream ends, at whichever proxy it is.
    const path = "/api/v1/streams/__defaultVhost__/live/a";
    const response = await fetch(fresh.systemUrl(path), { method: "DELETE" });
    assert.equal(response.status, 200, await response.text());
    await viewer.process.end(20_000);
    await until("its publisher be gone", async () => {
      return !(await one.publishedStreams()).includes("a");
    });
    await late.moreVideo(10);
  },
});
