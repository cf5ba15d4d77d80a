// Origins with several addresses of which the first are dead, in every protocol: some refuse,
// others are in a network that drops every packet. The working one after them is found in time.

import assert from "node:assert/strict";
import { formatAddress } from "../../src/core/endpoint.ts";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { HAS_NAMESPACES, NetworkNamespace } from "../support/network_namespace.ts";
import { HttpOrigin } from "../support/http_origin.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText, type OriginServer } from "../support/origin_server.ts";
import { freePort, freePorts } from "../support/ports.ts";
import { freeProxyPorts, Proxy } from "../support/proxy.ts";
import { RecordedSrs } from "../support/recorded_srs.ts";
import { type Heartbeat, heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { agree, openRtcOrigin, proofOf } from "../support/rtc_origin.ts";
import {
  publish as publishSrt,
  SrtReceiver,
  srtUrl,
  untilListening,
} from "../support/srt_programs.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";

/** Deadline for every request: more than the time for all addresses of an origin. */
const PATIENCE = 5_000;

/** The name of an origin, which resolves to both its addresses. */
const NAME = "origin.test";

/** Addresses at which an origin is not, and the one at which it is. */
interface Places extends AsyncDisposable {
  readonly dead: string;
  readonly alive: string;
  /** Another address of this machine, at which only its media may be. */
  readonly other?: string;
  /** A hosts file for its name; without one it has no name. */
  readonly hosts?: string;
}

async function refusing(): Promise<Places> {
  const places = { dead: "127.0.0.9", alive: "127.0.0.1", other: "127.0.0.2" };
  return await Promise.resolve({ ...places, [Symbol.asyncDispose]: () => Promise.resolve() });
}

async function swallowing(): Promise<Places> {
  const network = await NetworkNamespace.open();
  const { inside: dead, outside: alive, outside6: other } = network;
  await network.lose(`ip daddr ${alive}`);
  return { dead, alive, other, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

async function named(): Promise<Places> {
  await using stack = new AsyncDisposableStack();
  const { dead, alive } = stack.use(await swallowing());
  const hosts = stack.use(new TempFolder()).file("hosts");
  await Deno.writeTextFile(hosts, `127.0.0.1 localhost\n${dead} ${NAME}\n${alive} ${NAME}\n`);
  const kept = stack.move();
  return { dead, alive, hosts, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** The heartbeat of an origin whose first addresses are all dead. */
function behindDead({ dead, hosts }: Places, heartbeat: Heartbeat): Heartbeat {
  const behind = (endpoints: readonly string[] | undefined) => {
    if (hosts !== undefined) return endpoints?.map((endpoint) => endpoint.replace(/^.*:/, ""));
    return endpoints && [...freePorts(2).map(String), ...endpoints];
  };
  const { rtmp, http, api, srt, rtc } = heartbeat;
  return {
    ...heartbeat,
    ip: hosts === undefined ? dead : NAME,
    rtmp: behind(rtmp)!,
    http: behind(http),
    api: behind(api),
    srt: behind(srt),
    // Its port must be the one in the origin's answer.
    rtc: hosts === undefined ? rtc : behind(rtc),
  };
}

async function openProxy(
  { hosts }: Places,
  variables: Record<string, string> = {},
): Promise<Proxy> {
  const allowed = `127.0.0.0/8,198.18.0.0/16,2001:2::/48,${NAME}`;
  return await Proxy.open(
    { PROXY_REGISTER_ALLOW: allowed, ...variables },
    freeProxyPorts(),
    hosts === undefined ? {} : { hosts },
  );
}

async function register(proxy: Proxy, places: Places, origin: OriginServer): Promise<void> {
  await sendHeartbeat(proxy, behindDead(places, heartbeatOf(origin, "1")));
}

async function failedDials(proxy: Proxy, protocol: string): Promise<number> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  return text.split("\n")
    .filter((line) => line.startsWith(`srs_proxy_origin_dials_total{protocol="${protocol}"`))
    .filter((line) => !line.includes('result="reached"'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

const KINDS = [
  { behind: "behind addresses that refuse", open: refusing, dead: 3, ignore: false },
  {
    behind: "behind addresses that never respond",
    ...{ open: swallowing, dead: 3, ignore: !HAS_NAMESPACES },
  },
  {
    behind: "by a name that also resolves to an address that never responds",
    ...{ open: named, dead: 1, ignore: !HAS_NAMESPACES },
  },
];

for (const { behind, open, dead, ignore } of KINDS) {
  Deno.test({
    name: `${behind}: RTMP and HTTP-FLV`,
    ignore,
    timeout: 60_000,
    async fn() {
      await using places = await open();
      await using proxy = await openProxy(places, { PROXY_LANES: "1" });
      await using origin = await NodeMediaServer.open({ host: places.alive });
      await register(proxy, places, origin);
      const publisher = await Publisher.open(proxy.rtmpUrl("show"));
      await using _publisher = publisher;
      await publisher.publishing(PATIENCE);
      const flv = `http://127.0.0.1:${proxy.ports.httpServer}/live/show.flv`;
      for (const url of [proxy.rtmpUrl("show"), flv, proxy.rtmpUrl("show"), flv]) {
        await using viewer = new Viewer(url);
        await viewer.moreVideo(3, PATIENCE);
      }
      assert.deepEqual(
        [await failedDials(proxy, "rtmp"), await failedDials(proxy, "http")],
        [dead, dead],
        "dead addresses are tried only once",
      );
    },
  });

  Deno.test({
    name: `${behind}: HLS`,
    ignore,
    timeout: 60_000,
    async fn() {
      await using places = await open();
      await using proxy = await openProxy(places);
      await using origin = await NginxRtmp.open({ host: places.alive, hls: true });
      await register(proxy, places, origin);
      await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"));
      const url = `http://127.0.0.1:${proxy.ports.httpServer}/live/show.m3u8`;
      const playlist = await until("a playlist with a file", async () => {
        const text = await fetchText(url, {}, PATIENCE).catch(() => "");
        return text.includes("#EXTINF") && text;
      }, { timeout: 20_000 });
      const segment = playlist.split("\n").find((line) => line.includes(".ts"))!;
      await fetchText(new URL(segment, url).href, {}, PATIENCE);
    },
  });

  Deno.test({
    name: `${behind}: SRT`,
    ignore,
    timeout: 60_000,
    async fn() {
      await using places = await open();
      await using proxy = await openProxy(places);
      const port = freePort();
      const listener = srtUrl(port, { mode: "listener", latency: 200 }, places.alive);
      await using receiver = SrtReceiver.open(listener);
      await untilListening(port, places.alive);
      // An origin that never answers over TCP would soon be down.
      await using api = new HttpOrigin({}, { host: places.alive });
      const { rtmpPort, httpPort: apiPort } = api;
      const origin = { name: "srt", host: places.alive, rtmpPort, apiPort, srtPort: port };
      await sendHeartbeat(proxy, behindDead(places, heartbeatOf(origin, "1")));
      const url = srtUrl(proxy.ports.srt, { latency: 200_000 });
      const file = await testFile();
      await using _caller = publishSrt(url, "#!::r=live/show,m=publish", { file, seconds: 60 });
      await until("media", () => receiver.size() > 20_000, { timeout: PATIENCE });
    },
  });

  Deno.test({
    name: `${behind}: WebRTC, signalling and media`,
    ignore,
    timeout: 60_000,
    async fn() {
      await using places = await open();
      const { alive, other = alive } = places;
      for (const at of new Set([alive, other])) {
        await using proxy = await openProxy(places);
        await using media = new UdpPeer(at);
        const rtc = [`udp://${formatAddress({ host: at, port: media.port })}`];
        await using _api = await openRtcOrigin(proxy, media.port, {
          host: alive,
          announce: (usual) => behindDead(places, { ...usual, rtc }),
        });
        const proof = proofOf(await agree(proxy, "show"));
        await using client = new UdpPeer();
        await until("the origin hear of it", async () => {
          await client.send(proof, proxy.ports.webrtc);
          return media.waiting > 0;
        }, { timeout: PATIENCE });
        // The system uses 127.0.0.1 as source for all of 127.0.0.0/8, and elsewhere the address
        // itself.
        const from = at.startsWith("127.") ? "127.0.0.1" : at;
        await media.sendTo(Uint8Array.of(0x80, 1), from, (await media.next()).port);
        assert.deepEqual((await client.next()).bytes, [0x80, 1]);
      }
    },
  });

  Deno.test({
    name: `${behind}: questions to its API, and probes`,
    ignore,
    timeout: 60_000,
    async fn() {
      await using places = await open();
      await using proxy = await openProxy(places, { PROXY_HEALTH_INTERVAL: "1s" });
      await using origin = new RecordedSrs("one", "one", { host: places.alive });
      const { port: apiPort } = origin.status.origin.endpoints.api[0]!;
      const at = { name: "one", host: places.alive, rtmpPort: freePort(), apiPort };
      await sendHeartbeat(proxy, behindDead(places, heartbeatOf(at, "1")));
      await until("it be probed", () => {
        return origin.asked.filter((asked) => asked.endsWith("/versions")).length >= 6;
      });
      const { origins } = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/origins")));
      assert.deepEqual(origins.map(({ state }: { state: string }) => state), ["alive"]);
      const url = `http://127.0.0.1:${proxy.ports.httpApi}/api/v1/streams`;
      const { streams, missing } = JSON.parse(await fetchText(url, {}, PATIENCE));
      assert.deepEqual([streams.length, missing], [2, []]);
    },
  });
}
