// Three proxies on one Redis with real origins and clients: any proxy serves any client of any
// stream, one of them may be killed, and Redis may be killed or frozen for half a minute.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { mediaPlaylist } from "../support/http_media.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { RedisServer } from "../support/redis_server.ts";
import { until } from "../support/wait.ts";

/** How long Redis is away, milliseconds. */
const OUTAGE = 30_000;

interface StreamsAnswer {
  readonly streams: readonly { readonly stream: string; readonly origin: string }[];
}

function openProxy(redis: RedisServer): Promise<Proxy> {
  return Proxy.open({
    PROXY_LOAD_BALANCER_TYPE: "redis",
    PROXY_REDIS_PORT: String(redis.port),
    PROXY_ORIGIN_SERVER_TTL: "20s",
  });
}

async function ownersAt(proxy: Proxy): Promise<string[]> {
  const answer: StreamsAnswer = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/streams")));
  return answer.streams.map(({ stream, origin }) => `${stream} ${origin}`).toSorted();
}

async function untilAllKnow(proxies: readonly Proxy[], origins: number): Promise<void> {
  for (const proxy of proxies) {
    await until("the origins", async () => (await registeredOrigins(proxy)).length === origins);
  }
}

async function untilAllAgree(proxies: readonly Proxy[], streams: number): Promise<void> {
  let seen: string[][] = [];
  await until("all to agree", async () => {
    seen = await Promise.all(proxies.map(ownersAt));
    return seen[0]!.length === streams && seen.every((one) => `${one}` === `${seen[0]}`);
  }, { timeout: 20_000, describe: () => JSON.stringify(seen) });
}

/** The text of `/readyz`. */
async function readiness(proxy: Proxy): Promise<string> {
  return await fetchText(proxy.systemUrl("/readyz"));
}

/**
 * How many requests have waited for the registry for over a second, and how many there were. They may
 * wait for 200 ms; a busy machine adds to that, and without a limit they would wait for the outage.
 */
async function waits(proxy: Proxy): Promise<{ late: number; all: number }> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  const sum = (pattern: RegExp) =>
    [...text.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0);
  const all = sum(/^srs_proxy_registry_wait_seconds_count\{.*\} (\d+)$/gm);
  const inTime = sum(/^srs_proxy_registry_wait_seconds_bucket\{.*le="1".*\} (\d+)$/gm);
  return { late: all - inTime, all };
}

Deno.test("three proxies on one Redis: any of them serves, and one may be killed", async () => {
  await using redis = await RedisServer.open();
  const [a, b, c] = await Promise.all([openProxy(redis), openProxy(redis), openProxy(redis)]);
  await using _a = a;
  await using _b = b;
  await using _c = c;
  await using one = await NginxRtmp.open({ name: "nginx-1", hls: true });
  await using other = await NginxRtmp.open({ name: "nginx-2", hls: true });
  await using _registrations = await Registration.open([b], one);
  await using _more = await Registration.open([c], other);
  await untilAllKnow([a, b, c], 2);

  await using publisher = await Publisher.publish(a.rtmpUrl("show"));
  await using atB = new Viewer(b.rtmpUrl("show"));
  await using atC = new Viewer(c.rtmpUrl("show"));
  await Promise.all([atB.moreVideo(10), atC.moreVideo(10)]);
  // The playlist comes from one proxy, its segments from another.
  const url = `http://127.0.0.1:${b.ports.httpServer}/live/show.m3u8`;
  const { links } = await mediaPlaylist(url, 2);
  for (const link of links.slice(0, 2)) {
    const elsewhere = new URL(link);
    elsewhere.port = String(c.ports.httpServer);
    const response = await fetch(elsewhere);
    const segment = new Uint8Array(await response.arrayBuffer());
    assert.equal(response.status, 200);
    assert.equal(segment[0], 0x47, "a transport stream");
  }

  await a.process.kill();
  await publisher.process.ended;
  await using _again = await Publisher.publish(b.rtmpUrl("show"));
  await Promise.all([atB.moreVideo(10), atC.moreVideo(10)]);
  await untilAllAgree([b, c], 1);
});

Deno.test("three proxies: Redis is killed or frozen for half a minute, and nobody is affected", async () => {
  // Two worlds at the same time, because most of it is waiting.
  await Promise.all([outage("killed"), outage("frozen")]);
});

async function outage(how: "killed" | "frozen"): Promise<void> {
  let redis = await RedisServer.open();
  const { port } = redis;
  await using stack = new AsyncDisposableStack();
  const proxies = await Promise.all([openProxy(redis), openProxy(redis), openProxy(redis)]);
  for (const proxy of proxies) stack.use(proxy);
  const [a, b, c] = proxies as [Proxy, Proxy, Proxy];
  const one = stack.use(await NodeMediaServer.open({ name: "nms-1" }));
  const other = stack.use(await NodeMediaServer.open({ name: "nms-2" }));
  stack.use(await Registration.open([a], one));
  stack.use(await Registration.open([b], other));
  await untilAllKnow(proxies, 2);
  stack.use(await Publisher.publish(a.rtmpUrl("before")));
  const rtmp = stack.use(new Viewer(b.rtmpUrl("before")));
  const flv = stack.use(new Viewer(`http://127.0.0.1:${c.ports.httpServer}/live/before.flv`));
  await Promise.all([rtmp.moreVideo(10), flv.moreVideo(10)]);

  const since = performance.now();
  if (how === "killed") await redis.kill();
  else redis.process.signal("SIGSTOP");
  // New streams during the outage: published at one proxy, found by the others.
  stack.use(await Publisher.publish(a.rtmpUrl("during")));
  const found = stack.use(new Viewer(b.rtmpUrl("during")));
  const alsoFound = stack.use(
    new Viewer(`http://127.0.0.1:${c.ports.httpServer}/live/during.flv`),
  );
  await Promise.all([found.moreVideo(10), alsoFound.moreVideo(10)]);
  for (const proxy of proxies) {
    await until("it be told", async () => /degraded/.test(await readiness(proxy)));
    assert.equal(await proxy.readiness(), 200);
  }
  // Every 10 frames are a second: the outage lasts its full time, and frames arrive throughout.
  while (performance.now() - since < OUTAGE) {
    await Promise.all([rtmp, flv, found, alsoFound].map((viewer) => viewer.moreVideo(20, 5_000)));
  }
  await untilAllKnow(proxies, 2);
  for (const proxy of proxies) {
    const { late, all } = await waits(proxy);
    assert.ok(all > 0);
    assert.equal(late, 0, `${late} of ${all} requests waited for more than a second`);
  }

  if (how === "killed") {
    await redis[Symbol.asyncDispose]();
    redis = await RedisServer.open({ port });
  } else redis.process.signal("SIGCONT");
  stack.use(redis);
  for (const proxy of proxies) {
    await until("it be well", async () => !/degraded/.test(await readiness(proxy)), {
      timeout: 20_000,
    });
  }
  await untilAllAgree(proxies, 2);
  await Promise.all([rtmp, flv, found, alsoFound].map((viewer) => viewer.moreVideo(10)));
}
