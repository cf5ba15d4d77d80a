// Lanes of the real program: clients are spread over them, limits apply to all of them together,
// and nothing remains of clients that leave at any point.

import assert from "node:assert/strict";
import { Faults, FRAGILE_PROGRAM } from "../support/faults.ts";
import { type Answer, HttpOrigin, live, silence } from "../support/http_origin.ts";
import { fetchText } from "../support/origin_server.ts";
import { freeProxyPorts, Proxy } from "../support/proxy.ts";
import { descriptorsOf, megabytesOf } from "../support/proxy_figures.ts";
import { RawHttp, requestText } from "../support/raw_http.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { RtmpCrowd } from "../support/rtmp_crowd.ts";
import { RtmpOrigin } from "../support/rtmp_origin.ts";
import { RtmpPeer } from "../support/rtmp_peer.ts";
import { Script } from "../support/rtmp_script.ts";
import { until } from "../support/wait.ts";

const LIVE = live({ framing: "chunked", tagLength: 1_000, interval: 20 });

/** The value of a series, named with its labels. */
async function figure(proxy: Proxy, series: string): Promise<number> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.split(" ").at(-1));
}

Deno.test({
  name: "a thousand clients are spread over the lanes",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_LANES: "3" });
    const clients: Deno.TcpConn[] = [];
    for (let at = 0; at < 1_000; at++) {
      clients.push(await Deno.connect({ hostname: "127.0.0.1", port: proxy.ports.rtmp }));
    }
    const counts = await until("all be counted", async () => {
      const lanes = [1, 2, 3].map((lane) => `srs_proxy_lane_connections{lane="${lane}"}`);
      const each = await Promise.all(lanes.map((series) => figure(proxy, series)));
      return each.reduce((sum, count) => sum + count, 0) === clients.length && each;
    });
    assert.ok(Math.max(...counts) <= 1.5 * Math.min(...counts), String(counts));
    for (const client of clients) client.close();
  },
});

Deno.test({
  name: "limits apply to all lanes together, for each port",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_LANES: "2", PROXY_MAX_CONNECTIONS: "20" });
    using crowd = new RtmpCrowd(proxy.ports.rtmp);
    await crowd.grow(30);
    assert.deepEqual([crowd.size, crowd.refused], [20, 10]);
    crowd.shrink(7);
    await until("others take their places", async () => {
      await crowd.grow(1);
      return crowd.size === 20;
    });
    const { status } = await RawHttp.ask(proxy.ports.httpServer, "/no", {
      lines: ["Connection: close"],
    });
    assert.equal(status, 404);
  },
});

Deno.test({
  name: "viewers wait for a stream that has not begun, in every lane",
  timeout: 60_000,
  async fn() {
    let hasBegun = false;
    const waiting: (() => void)[] = [];
    const answer: Answer = async (exchange) => {
      if (!hasBegun) {
        await Promise.race([
          exchange.gone,
          new Promise<void>((go) => waiting.push(go)),
        ]);
      }
      await LIVE(exchange);
    };
    await using origin = new HttpOrigin({ "/live/x.flv": answer });
    const variables = { PROXY_LANES: "2", PROXY_ORIGIN_ANSWER_TIMEOUT: "500ms" };
    await using proxy = await Proxy.open(variables);
    await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
    const viewers = await Promise.all(Array.from({ length: 8 }, async () => {
      const viewer = await RawHttp.connect(proxy.ports.httpServer);
      await viewer.send(requestText("/live/x.flv"));
      return viewer;
    }));
    await until("all wait at the origin", () => waiting.length === viewers.length);
    // Other requests have been given up by then.
    const { status } = await RawHttp.ask(proxy.ports.httpServer, "/live/y.m3u8");
    assert.ok(status >= 400);
    hasBegun = true;
    for (const go of waiting) go();
    for (const viewer of viewers) {
      assert.equal((await viewer.head()).status, 200);
      viewer.close();
    }
  },
});

Deno.test({
  name:
    "memory that the main thread keeps for clients is counted along with the lanes', whichever fail",
  timeout: 60_000,
  async fn() {
    const faults = new Faults();
    const variables = { PROXY_LANES: "2", ...faults.variables };
    await using proxy = await Proxy.open(variables, freeProxyPorts(), { program: FRAGILE_PROGRAM });
    const series = "srs_proxy_identify_memory_bytes";
    using client = await RawHttp.connect(proxy.ports.httpApi);
    await client.send("GET /api/v1/versions HTTP/1.1\r\nHost: a\r\n");
    const kept = await until("it be kept", async () => await figure(proxy, series) || undefined);
    // Often enough that lanes have used every column.
    for (const lane of [1, 2, 1, 2]) {
      const failures = await figure(proxy, "srs_proxy_lane_failures_total");
      await faults.failLane(lane, "throw");
      await until("it be replaced", async () => {
        return await figure(proxy, "srs_proxy_lane_failures_total") > failures &&
          await figure(proxy, "srs_proxy_lanes") === 2;
      });
      await until("all be counted", async () => await figure(proxy, series) === kept);
    }
    await client.send("\r\n");
    assert.equal((await client.head()).status, 200);
    client.close();
    await until("nothing be kept", async () => await figure(proxy, series) === 0);
  },
});

/** What a client has done before it leaves. */
type Phase = (proxy: Proxy, stream: string) => Promise<Disposable>;

const HELLO = Uint8Array.of(3, ...new Uint8Array(1536));

/** All that a player sends after its handshake. */
function playing(stream: string): Uint8Array<ArrayBuffer> {
  return new Script().command(["connect", 1, { app: "live", tcUrl: "rtmp://127.0.0.1/live" }])
    .command(["createStream", 2, null])
    .command(["play", 3, null, stream], { streamId: 1 })
    .bytes;
}

async function saying(port: number, bytes: Uint8Array | string): Promise<Disposable> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const all = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  if (all.length > 0) await connection.write(all);
  return { [Symbol.dispose]: () => connection.close() };
}

const PHASES: Readonly<Record<string, Phase>> = {
  "has connected": ({ ports }) => saying(ports.rtmp, new Uint8Array()),
  "is in its handshake": ({ ports }) => saying(ports.rtmp, HELLO.subarray(0, 700)),
  "is in its connect command": async ({ ports }, stream) => {
    const peer = await RtmpPeer.connect(ports.rtmp);
    await peer.say(playing(stream).subarray(0, 40));
    return peer;
  },
  "plays": async ({ ports }, stream) => {
    const peer = await RtmpPeer.connect(ports.rtmp);
    await peer.say(playing(stream));
    await peer.hears("onStatus:NetStream.Play.Start");
    return peer;
  },
  "is in its head": ({ ports }) => saying(ports.httpServer, "GET /live/x.flv HTTP/1.1\r\nHo"),
  "waits for its stream": ({ ports }) => saying(ports.httpServer, requestText("/live/none.flv")),
  "watches": async ({ ports }) => {
    const client = await RawHttp.connect(ports.httpServer);
    await client.send(requestText("/live/x.flv"));
    await client.head();
    return client;
  },
};
const AT_A_TIME = 40;

/** Connects this many clients that do something and leave. */
async function crowd(proxy: Proxy, phase: Phase, count: number): Promise<void> {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      using _client = await phase(proxy, `s${left % 20}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
}

Deno.test({
  name: "nothing remains of 10,000 clients that leave, in any phase",
  ignore: Deno.build.os !== "linux",
  timeout: 240_000,
  async fn(t) {
    await using rtmp = new RtmpOrigin({ isProbed: true });
    await using http = new HttpOrigin({ "/live/x.flv": LIVE, "/live/none.flv": silence });
    await using proxy = await Proxy.open({ PROXY_LANES: "2" });
    const ports = { rtmpPort: rtmp.port, httpPort: http.httpPort };
    await sendHeartbeat(proxy, heartbeatOf({ name: "o", ...ports }, "1"));
    for (const phase of Object.values(PHASES)) await crowd(proxy, phase, 500);
    const isEmpty = async () => {
      const series = ["rtmp_connections", "http_connections", "identify_memory_bytes"];
      const each = series.map((name) => figure(proxy, `srs_proxy_${name}`));
      return (await Promise.all(each)).every((value) => value === 0);
    };
    await until("all have left", isEmpty, { timeout: 20_000 });
    const [descriptors, memory] = [descriptorsOf(proxy), megabytesOf(proxy)];
    for (const [name, phase] of Object.entries(PHASES)) {
      await t.step(name, async () => {
        await crowd(proxy, phase, 10_000);
        await until("all have left", isEmpty, { timeout: 20_000 });
        await until("all descriptors be free", () => descriptorsOf(proxy) <= descriptors + 5, {
          describe: () => `${descriptorsOf(proxy)}, before ${descriptors}`,
        });
      });
    }
    // A leak of one kilobyte per client would show.
    const grown = megabytesOf(proxy) - memory;
    assert.ok(grown < 50, `${grown} MiB more, beside ${memory} MiB`);
  },
});
