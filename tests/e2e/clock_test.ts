// Proxies with wrong clocks: expiry is decided by Redis's clock, so nothing expires because of
// them.

import assert from "node:assert/strict";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, registeredOrigins, sendHeartbeat } from "../support/register.ts";
import { RedisServer } from "../support/redis_server.ts";
import { until } from "../support/wait.ts";

/** Seconds by which the clocks of the two proxies are wrong. */
const SKEWS = [600, -600];
const LIFE = 3_000;

interface OriginsAnswer {
  readonly origins: readonly { readonly server: string; readonly expires_in_ms: number }[];
}

function openProxy(redis: RedisServer, skew: number): Promise<Proxy> {
  return Proxy.open({
    PROXY_LOAD_BALANCER_TYPE: "redis",
    PROXY_REDIS_PORT: String(redis.port),
    PROXY_ORIGIN_SERVER_TTL: `${LIFE}ms`,
    // The loader resolves $LIB to the folder of this machine's libraries.
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1",
    FAKETIME: `${skew >= 0 ? "+" : ""}${skew}s`,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  });
}

/** How wrong the clock in a proxy's log is, seconds. */
function skewOf(proxy: Proxy): number {
  const [time] = /^\d{4}-\S+Z/m.exec(proxy.process.errorText)!;
  return (Date.parse(time) - Date.now()) / 1_000;
}

Deno.test({
  name: "two proxies whose clocks are twenty minutes apart: nothing expires too early or too late",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using redis = await RedisServer.open();
    await using early = await openProxy(redis, SKEWS[0]!);
    await using late = await openProxy(redis, SKEWS[1]!);
    const proxies = [early, late];
    for (const [index, proxy] of proxies.entries()) {
      assert.ok(
        Math.abs(skewOf(proxy) - SKEWS[index]!) < 60,
        "the clock is as wrong as it should be",
      );
    }
    for (const [index, proxy] of proxies.entries()) {
      const name = `o${index}`;
      const server = `vid-${name}`;
      // By name, because the previous origin may be read again from Redis, where it lives a little
      // longer than in a proxy's copy.
      const isKnown = async (one: Proxy) => (await registeredOrigins(one)).includes(server);
      const begun = performance.now();
      await sendHeartbeat(proxy, heartbeatOf({ name, rtmpPort: 1 }, "1"));
      for (const one of proxies) {
        await until("it be known", () => isKnown(one));
        const text = await fetchText(one.systemUrl("/api/v1/origins"));
        const { origins }: OriginsAnswer = JSON.parse(text);
        const origin = origins.find((each) => each.server === server);
        const left = LIFE - (performance.now() - begun);
        assert.ok(
          Math.abs(origin!.expires_in_ms - left) < 500,
          `${origin!.expires_in_ms}, ${left}`,
        );
      }
      // Both know it until shortly before it expires.
      while (performance.now() - begun < LIFE - 1_000) {
        for (const one of proxies) assert.ok(await isKnown(one));
      }
      for (const one of proxies) {
        await until("its end", async () => !(await isKnown(one)), { timeout: 3_000 });
      }
    }
  },
});
