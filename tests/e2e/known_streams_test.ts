// Lanes send viewers to known streams without asking the main thread: in every lane, and to the
// stream's current origin from the moment its publisher is told that it is live.

import assert from "node:assert/strict";
import { Gateway } from "../support/gateway.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { RedisServer } from "../support/redis_server.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { RtmpOrigin, startOf } from "../support/rtmp_origin.ts";
import { RtmpPeer } from "../support/rtmp_peer.ts";
import { Script } from "../support/rtmp_script.ts";
import { until } from "../support/wait.ts";

const VIEWERS = 16;

async function comes(proxy: Proxy, wish: "publish" | "play"): Promise<RtmpPeer> {
  const peer = await RtmpPeer.connect(proxy.ports.rtmp);
  await peer.say(
    new Script().command(["connect", 1, { app: "live", tcUrl: "rtmp://127.0.0.1/live" }])
      .command(["createStream", 2, null])
      .command([wish, 3, null, "known"], { streamId: 1 }),
  );
  await peer.hears(`onStatus:${startOf(wish)}`);
  return peer;
}

async function viewersCome(proxy: Proxy, stack: DisposableStack): Promise<void> {
  const viewers = Array.from({ length: VIEWERS }, () => comes(proxy, "play"));
  for (const viewer of await Promise.all(viewers)) stack.use(viewer);
}

async function knownAnswers(proxy: Proxy): Promise<number> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  const name = 'srs_proxy_lane_known_answers_total{operation="resolve"}';
  const line = text.split("\n").find((each) => each.startsWith(name));
  return Number(line?.slice(name.length) ?? 0);
}

async function check(variables: Record<string, string>): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(
    await Proxy.open({ ...variables, PROXY_LANES: "3", PROXY_ORIGIN_SERVER_TTL: "1h" }),
  );
  const clients = stack.use(new DisposableStack());
  const sites = [0, 1].map((number) => {
    // Probes disconnect in the middle of its handshake.
    const origin = stack.use(new RtmpOrigin({ isProbed: true }));
    const gateway = new Gateway(origin.port);
    return { origin, gateway: stack.use(gateway), name: `site-${number}` };
  });
  for (const { name, gateway } of sites) {
    await sendHeartbeat(proxy, heartbeatOf({ name, rtmpPort: gateway.address.port }, "1"));
  }
  clients.use(await comes(proxy, "publish"));
  const from = sites.find(({ origin }) => origin.links.length > 0)!;
  const to = sites.find((site) => site !== from)!;
  await viewersCome(proxy, clients);
  await viewersCome(proxy, clients);
  assert.equal(from.origin.links.length, 1 + 2 * VIEWERS);
  const known = await knownAnswers(proxy);
  assert.ok(known >= VIEWERS / 2, `lanes have led ${known} viewers by themselves`);

  from.gateway.cut();
  await until("the stream be free", async () => {
    const text = await fetchText(proxy.systemUrl("/api/v1/streams"));
    return text.includes('"live":false');
  });
  clients.use(await comes(proxy, "publish"));
  from.gateway.mend();
  await viewersCome(proxy, clients);
  await viewersCome(proxy, clients);
  assert.equal(to.origin.links.length, 1 + 2 * VIEWERS, "all have followed the publisher");
}

Deno.test("every lane follows a stream to another origin, in memory", () => check({}));

Deno.test("every lane follows a stream to another origin, on Redis", async () => {
  await using redis = await RedisServer.open();
  await check({ PROXY_LOAD_BALANCER_TYPE: "redis", PROXY_REDIS_PORT: String(redis.port) });
});
