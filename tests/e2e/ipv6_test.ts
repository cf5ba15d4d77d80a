// Origins with IPv6 addresses, and clients of either family on dual-stack listeners, in every
// protocol. An IPv4 client is shown with its IPv4 address, not the mapped one of the socket.

import assert from "node:assert/strict";
import { formatAddress } from "../../src/core/endpoint.ts";
import { Authority } from "../support/certificates.ts";
import { Browser, CHROMIUM, reaching, WITHOUT_UDP } from "../support/browser.ts";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { beginOf } from "../support/http_media.ts";
import { HttpOrigin } from "../support/http_origin.ts";
import { HAS_NAMESPACES, NetworkNamespace } from "../support/network_namespace.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText } from "../support/origin_server.ts";
import { freePort } from "../support/ports.ts";
import { freeProxyPorts, Proxy } from "../support/proxy.ts";
import { RecordedSrs } from "../support/recorded_srs.ts";
import {
  heartbeatOf,
  registeredOrigins,
  Registration,
  sendHeartbeat,
} from "../support/register.ts";
import { sessionsOf, untilTransports } from "../support/sessions.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import {
  publish as publishSrt,
  SrtReceiver,
  srtUrl,
  untilListening,
} from "../support/srt_programs.ts";
import { until } from "../support/wait.ts";
import { untilItMoves } from "../support/web_player.ts";
import { publish } from "../support/web_publisher.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

const HOST = "::1";
/** Some containers have no IPv6, not even loopback. */
const HAS_IPV6 = Deno.networkInterfaces().some(({ address }) => address === HOST);
/** The host a client connects to, and how its address is shown. */
const WAYS = [
  { at: "[::1]", shown: "[::1]:" },
  { at: "127.0.0.1", shown: "127.0.0.1:" },
];

/** A proxy whose listeners all accept both families, WebRTC over TCP on any port. */
async function openProxy(variables: Record<string, string> = {}): Promise<Proxy> {
  const ports = freeProxyPorts();
  return await Proxy.open({
    PROXY_RTMP_SERVER: `[::]:${ports.rtmp}`,
    PROXY_HTTP_SERVER: `[::]:${ports.httpServer}`,
    PROXY_HTTP_API: `[::]:${ports.httpApi}`,
    PROXY_SYSTEM_API: `[::]:${ports.systemApi}`,
    PROXY_WEBRTC_SERVER: `[::]:${ports.webrtc}`,
    PROXY_SRT_SERVER: `[::]:${ports.srt}`,
    PROXY_REGISTER_ALLOW: "::1",
    ...variables,
  }, ports);
}

/** Asserts that list and log show clients with all these addresses and no others. */
async function assertShown(proxy: Proxy, addresses: readonly string[]): Promise<void> {
  const clients = (await sessionsOf(proxy)).map(({ client }) => client);
  const seen = new Set(clients.map((client) => client.replace(/\d+$/, "")));
  assert.deepEqual([...seen].toSorted(), addresses.toSorted());
  const log = proxy.process.outputText + proxy.process.errorText;
  for (const one of clients) assert.ok(log.includes(one), log);
  assert.ok(!log.includes("::ffff:"), log);
}

Deno.test({
  name: "IPv6: RTMP and HTTP-FLV",
  ignore: !HAS_IPV6,
  timeout: 60_000,
  async fn() {
    await using proxy = await openProxy();
    await using origin = await NodeMediaServer.open({ host: HOST });
    await using _registration = await Registration.open([proxy], origin);
    const { rtmp, httpServer } = proxy.ports;
    await using stack = new AsyncDisposableStack();
    for (const [index, { at }] of WAYS.entries()) {
      stack.use(await Publisher.publish(`rtmp://${at}:${rtmp}/live/s${index}`));
    }
    const viewers = WAYS.flatMap(({ at }) => [
      stack.use(new Viewer(`rtmp://${at}:${rtmp}/live/s0`)),
      stack.use(new Viewer(`http://${at}:${httpServer}/live/s0.flv`)),
    ]);
    for (const viewer of viewers) await viewer.moreVideo(5);
    assert.equal((await sessionsOf(proxy)).length, 6);
    await assertShown(proxy, WAYS.map(({ shown }) => shown));
  },
});

Deno.test({
  name: "IPv6: SRT",
  ignore: !HAS_IPV6,
  timeout: 60_000,
  async fn() {
    const file = await testFile();
    for (const { at, shown } of WAYS) {
      await using proxy = await openProxy();
      const port = freePort();
      const listener = srtUrl(port, { mode: "listener", latency: 200 }, "[::1]");
      await using receiver = SrtReceiver.open(listener);
      await untilListening(port, HOST);
      // Whoever answers nothing over TCP is down before long.
      await using api = new HttpOrigin({}, { host: HOST });
      const { rtmpPort, httpPort: apiPort } = api;
      const origin = { name: "srt", host: HOST, rtmpPort, apiPort, srtPort: port };
      await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
      const url = srtUrl(proxy.ports.srt, { latency: 200_000 }, at);
      await using _caller = publishSrt(url, "#!::r=live/show,m=publish", { file, seconds: 60 });
      await until(`media by ${at}`, () => receiver.size() > 20_000);
      await assertShown(proxy, [shown]);
    }
  },
});

Deno.test({
  name: "IPv6: WebRTC in Chromium, over UDP and TCP",
  ignore: !HAS_IPV6 || !HAS_NAMESPACES || !WERIFT_RUNS,
  timeout: 120_000,
  async fn() {
    await using network = await NetworkNamespace.open();
    const { outside, outside6, inside, inside6 } = network;
    const program = await network.programInside(CHROMIUM);
    await using authority = await Authority.open();
    await authority.pair();
    await using origin = await WeriftOrigin.open("werift", HOST);
    for (
      const { host, shown, transport, options } of [
        { host: outside6, shown: `[${inside6}]:`, transport: "udp", options: [] },
        { host: outside, shown: `${inside}:`, transport: "udp", options: [] },
        { host: outside6, shown: `[${inside6}]:`, transport: "tcp", options: WITHOUT_UDP },
      ]
    ) {
      const port = freePort();
      await using proxy = await openProxy({
        // Only over HTTPS, or at localhost, does a browser have a camera.
        PROXY_HTTPS_SERVER: `[::]:${port}`,
        PROXY_TLS_CERT: authority.folder.file("pair1.pem"),
        PROXY_TLS_KEY: authority.folder.file("pair1.key"),
        PROXY_WEBRTC_CANDIDATE: host,
        // A busy browser may prefer it to UDP.
        ...(transport === "tcp" && { PROXY_WEBRTC_TCP_SERVER: `[::]:${freePort()}` }),
      });
      await using _registration = await Registration.open([proxy], origin);
      const url = `https://${formatAddress({ host, port })}`;
      await using browser = await Browser.open([...options, reaching(host)], program);
      const publisher = await browser.openPage(`${url}/publish`);
      await publish(publisher.page, "Camera");
      const player = await browser.openPage(`${url}/?format=webrtc#live/show`);
      await untilItMoves(player.page);
      await untilTransports(proxy, [`play ${transport}`, `publish ${transport}`]);
      await assertShown(proxy, [shown]);
    }
  },
});

Deno.test({
  name: "IPv6: HLS",
  ignore: !HAS_IPV6,
  timeout: 60_000,
  async fn() {
    await using proxy = await openProxy();
    await using origin = await NginxRtmp.open({ host: HOST, hls: true });
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(`rtmp://[::1]:${proxy.ports.rtmp}/live/show`);
    for (const { at } of WAYS) {
      const url = `http://${at}:${proxy.ports.httpServer}/live/`;
      const playlist = await until("a playlist with a file", async () => {
        const text = await fetchText(`${url}show.m3u8`).catch(() => "");
        return text.includes("#EXTINF") && text;
      }, { timeout: 20_000 });
      const segment = playlist.split("\n").find((line) => line.includes(".ts"))!;
      const response = await fetch(new URL(segment, url));
      const bytes = new Uint8Array(await response.arrayBuffer());
      assert.deepEqual([response.status, bytes[0]], [200, 0x47]);
      await using viewer = new Viewer(`${url}show.m3u8`);
      await viewer.moreVideo(5);
    }
  },
});

Deno.test({
  name: "IPv6: requests to the API of an origin, and the System API",
  ignore: !HAS_IPV6,
  async fn() {
    await using proxy = await openProxy();
    await using origin = new RecordedSrs("one", "one", { host: HOST });
    const { port: apiPort } = origin.status.origin.endpoints.api[0]!;
    const heartbeat = heartbeatOf({ name: "one", host: HOST, rtmpPort: apiPort, apiPort }, "1");
    for (const { at } of WAYS) {
      await sendHeartbeat(
        { systemUrl: (path) => `http://${at}:${proxy.ports.systemApi}${path}` },
        heartbeat,
      );
      const text = await fetchText(`http://${at}:${proxy.ports.httpApi}/api/v1/streams`);
      const { streams, missing } = JSON.parse(text);
      assert.deepEqual([streams.length, missing], [2, []]);
    }
  },
});

Deno.test({
  name: "IPv6: a real SRS, and the way of its heartbeat",
  ignore: !HAS_IPV6 || SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using proxy = await openProxy();
    const { systemApi, rtmp, httpServer, httpApi } = proxy.ports;
    const heartbeatUrl = `http://[::1]:${systemApi}/api/v1/srs/register`;
    await using srs = await Srs.open({ name: "srs", host: HOST, heartbeatUrl });
    await until("SRS register", async () => (await registeredOrigins(proxy)).length === 1);
    await using _publisher = await Publisher.publish(`rtmp://[::1]:${rtmp}/live/show`);
    assert.deepEqual(await srs.publishedStreams(), ["show"]);
    for (const { at } of WAYS) {
      await using viewer = new Viewer(`rtmp://${at}:${rtmp}/live/show`);
      await viewer.moreVideo(5);
      assert.equal(await beginOf(`http://${at}:${httpServer}/live/show.flv`, 20_000), "FLV");
      const text = await fetchText(`http://${at}:${httpApi}/api/v1/streams`);
      assert.deepEqual(JSON.parse(text).missing, []);
    }
  },
});
