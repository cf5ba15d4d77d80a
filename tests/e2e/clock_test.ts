// Clocks that are wrong, and wrong in different ways: what lives how long is Redis's business, so nobody
// expires for it.

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
  readonly origins: readonly { readonly expires_in_ms: number }[];
}

function openProxy(redis: RedisServer, skew: number): Promise<Proxy> {
  return Proxy.open({
    PROXY_LOAD_BALANCER_TYPE: "redis",
    PROXY_REDIS_PORT: String(redis.port),
    PROXY_ORIGIN_SERVER_TTL: `${LIFE}ms`,
    // The loader knows the folder of this machine's libraries.
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1",
    FAKETIME: `${skew >= 0 ? "+" : ""}${skew}s`,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  });
}

/** How wrong the clock is that a proxy writes its log by, seconds. */
function skewOf(proxy: Proxy): number {
  const [time] = /^\d{4}-\S+Z/m.exec(proxy.process.errorText)!;
  return (Date.parse(time) - Date.now()) / 1_000;
}

Deno.test({
  name:
    "two proxies whose clocks are twenty minutes apart: nothing expires before its time, or after",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using redis = await RedisServer.open();
    await using early = await openProxy(redis, SKEWS[0]!);
    await using late = await openProxy(redis, SKEWS[1]!);
    const proxies = [early, late];
    for (const [index, proxy] of proxies.entries()) {
      assert.ok(Math.abs(skewOf(proxy) - SKEWS[index]!) < 60, "the clock is as wrong as it should");
    }
    for (const [index, proxy] of proxies.entries()) {
      const name = `o${index}`;
      const begun = performance.now();
      await sendHeartbeat(proxy, heartbeatOf({ name, rtmpPort: 1 }, "1"));
      for (const one of proxies) {
        await until("it be known", async () => (await registeredOrigins(one)).length === 1);
        const text = await fetchText(one.systemUrl("/api/v1/origins"));
        const { origins: [origin] }: OriginsAnswer = JSON.parse(text);
        const left = LIFE - (performance.now() - begun);
        assert.ok(
          Math.abs(origin!.expires_in_ms - left) < 500,
          `${origin!.expires_in_ms}, ${left}`,
        );
      }
      // Known by both for as long as it lives.
      while (performance.now() - begun < LIFE - 500) {
        for (const one of proxies) assert.equal((await registeredOrigins(one)).length, 1);
      }
      for (const one of proxies) {
        await until("its end", async () => (await registeredOrigins(one)).length === 0, {
          timeout: 3_000,
        });
      }
    }
  },
});
