// WebRTC where UDP is blocked: a browser that opens no UDP socket publishes and plays through the
// proxy, which uses UDP with its origins; on a separate port, and on that of HTTPS and HTTP.

import assert from "node:assert/strict";
import { bytesOfText, textOfBytes } from "../../src/core/binary_text.ts";
import { Authority } from "../support/certificates.ts";
import { Browser, WITHOUT_UDP } from "../support/browser.ts";
import { FloodingClient } from "../support/flooding_client.ts";
import { framed, IcePeer } from "../support/ice_peer.ts";
import { fetchText } from "../support/origin_server.ts";
import type { Page } from "../support/page.ts";
import { freePort, freePorts } from "../support/ports.ts";
import { freeProxyPorts, listenVariables, Proxy, runProxy, SHARED_PORT } from "../support/proxy.ts";
import { RawHttp } from "../support/raw_http.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { agree, openRtcOrigin, proofOf } from "../support/rtc_origin.ts";
import { join } from "../support/rtmp_wire.ts";
import { sessionsOf, untilTransports } from "../support/sessions.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { TlsPeer } from "../support/tls_peer.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";
import { untilItMoves, untilPicture } from "../support/web_player.ts";
import { CAMERA_COLOURS, pressStop, publish } from "../support/web_publisher.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

/** The sum of a metric over all its labels. */
async function metric(proxy: Proxy, name: string, labels = ""): Promise<number> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  return text.split("\n")
    .filter((line) => line.startsWith(name) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** A port for WebRTC over TCP. */
function ownPort(port: number): Record<string, string> {
  return { PROXY_WEBRTC_TCP_SERVER: `127.0.0.1:${port}`, PROXY_WEBRTC_CANDIDATE: "127.0.0.1" };
}

async function publishAndPlay(proxy: Proxy, url: string, stop: (page: Page) => Promise<void>) {
  await using browser = await Browser.open(WITHOUT_UDP);
  const publisher = await browser.openPage(`${url}/publish`);
  await publish(publisher.page, "Camera");
  const player = await browser.openPage(`${url}/?format=webrtc#live/show`);
  await untilItMoves(player.page);
  await untilPicture(player.page, "whep_tcp", CAMERA_COLOURS);
  await untilTransports(proxy, ["play tcp", "publish tcp"]);
  assert.ok(await metric(proxy, "srs_proxy_rtc_tcp_connections") >= 2);
  await stop(publisher.page);
  assert.deepEqual([publisher.errors, player.errors], [[], []]);
}

Deno.test({
  name: "Chromium without UDP publishes and plays over TCP, with an origin that supports only UDP",
  ignore: !WERIFT_RUNS,
  async fn() {
    const [port] = freePorts(1);
    await using proxy = await Proxy.open(ownPort(port!));
    await using origin = await WeriftOrigin.open();
    await using _registration = await Registration.open([proxy], origin);
    const url = `http://127.0.0.1:${proxy.ports.httpServer}`;
    await publishAndPlay(proxy, url, pressStop);
    await until("the sessions end", async () => (await sessionsOf(proxy)).length === 0, {
      timeout: 20_000,
    });
  },
});

Deno.test({
  name: "Chromium with UDP uses UDP although TCP is offered too",
  ignore: !WERIFT_RUNS,
  async fn() {
    const [port] = freePorts(1);
    await using proxy = await Proxy.open(ownPort(port!));
    await using origin = await WeriftOrigin.open();
    await using _registration = await Registration.open([proxy], origin);
    await using browser = await Browser.open();
    const { page, errors } = await browser.openPage(
      `http://127.0.0.1:${proxy.ports.httpServer}/publish`,
    );
    await publish(page, "Camera");
    await untilTransports(proxy, ["publish udp"]);
    assert.deepEqual(errors, []);
  },
});

Deno.test({
  name: "Chromium without UDP and a real SRS, pages, signalling and media on one port of HTTPS",
  ignore: SRS_BIN === undefined,
  async fn() {
    await using authority = await Authority.open();
    await authority.pair();
    const [port] = freePorts(1);
    await using proxy = await Proxy.open({
      ...SHARED_PORT,
      ...ownPort(port!),
      PROXY_HTTPS_SERVER: `127.0.0.1:${port}`,
      PROXY_TLS_CERT: authority.folder.file("pair1.pem"),
      PROXY_TLS_KEY: authority.folder.file("pair1.key"),
    });
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using srs = await Srs.open({ name: "srs", rtc: true, heartbeatUrl });
    await until("SRS register", async () => (await registeredOrigins(proxy)).length === 1);
    await publishAndPlay(proxy, `https://127.0.0.1:${port}`, async (page) => {
      assert.deepEqual(await srs.publishedStreams(), ["show"]);
      await pressStop(page);
      await until("SRS have no stream", async () => (await srs.publishedStreams()).length === 0);
    });
  },
});

Deno.test("a session that begins over TCP and continues over UDP is listed as it is", async () => {
  const [port] = freePorts(1);
  await using proxy = await Proxy.open(ownPort(port!));
  await using media = new UdpPeer();
  await using _api = await openRtcOrigin(proxy, media.port);
  using first = await IcePeer.connect(port!);
  await using second = new UdpPeer();
  const agreed = await agree(proxy, "s");
  await first.send(proofOf(agreed));
  await media.next();
  await untilTransports(proxy, ["play tcp"]);
  await second.send(proofOf(agreed), proxy.ports.webrtc);
  const { port: path } = await media.next();
  assert.deepEqual((await sessionsOf(proxy)).map(({ transport }) => transport), ["tcp"]);
  await media.send(Uint8Array.of(0x80, 1), path);
  await untilTransports(proxy, ["play udp"]);
  const [session] = await sessionsOf(proxy);
  assert.equal(session?.client, `127.0.0.1:${second.port}`);
  assert.ok(proxy.process.errorText.includes("Session moved"));
});

Deno.test("a session over TCP is listed, kicked, and ends with the process", async () => {
  const [port] = freePorts(1);
  await using proxy = await Proxy.open({ ...ownPort(port!), PROXY_GRACE_QUIT_TIMEOUT: "2s" });
  await using media = new UdpPeer();
  await using _api = await openRtcOrigin(proxy, media.port);
  const clients = [await IcePeer.connect(port!), await IcePeer.connect(port!)];
  const paths: number[] = [];
  for (const [index, client] of clients.entries()) {
    await client.send(proofOf(await agree(proxy, `s${index}`)));
    paths.push((await media.next()).port);
  }
  const [first, second] = clients as [IcePeer, IcePeer];
  const sessions = await sessionsOf(proxy);
  assert.deepEqual(sessions.map(({ transport }) => transport), ["tcp", "tcp"]);
  const [kicked] = sessions;
  assert.equal(kicked?.client, `127.0.0.1:${first.port}`);
  const url = proxy.systemUrl(`/api/v1/sessions/${kicked.session}`);
  const answer = await fetch(url, { method: "DELETE" });
  await answer.body?.cancel();
  assert.ok(answer.ok);
  await first.closed();
  proxy.process.signal("SIGTERM");
  await until("it drain", async () => await proxy.readiness() === 503);
  await media.send(Uint8Array.of(0x80, 1), paths[1]!);
  assert.deepEqual(await second.next(), [0x80, 1], "the running session continues");
  await second.closed();
  assert.deepEqual(await proxy.process.end(), { code: 0, signal: null });
  for (const client of clients) client[Symbol.dispose]();
});

Deno.test("a client that sends as fast as it can does not delay others in its lane", async () => {
  const [port] = freePorts(1);
  await using proxy = await Proxy.open({ ...ownPort(port!), PROXY_LANES: "1" });
  await using media = new UdpPeer();
  await using _api = await openRtcOrigin(proxy, media.port);
  const first = framed(proofOf(await agree(proxy, "flood")));
  using _flood = new FloodingClient({ port: port!, first, again: new Uint8Array(1 << 20) });
  await media.send(Uint8Array.of(1), (await media.next()).port);
  for (let index = 0; index < 3; index++) {
    using client = await IcePeer.connect(port!);
    await client.send(proofOf(await agree(proxy, `s${index}`)));
    const path = (await media.next(4_000)).port;
    await media.send(Uint8Array.of(0x80, index), path);
    assert.deepEqual(await client.next(), [0x80, index]);
  }
});

Deno.test("with Deno's sockets the first lane serves all clients, on a separate port", async () => {
  const [port] = freePorts(1);
  const engine = { PROXY_ENGINE: "deno", PROXY_LANES: "2" };
  const ports = freeProxyPorts();
  const shared = { ...listenVariables(ports), ...engine, ...ownPort(ports.httpServer) };
  const { code, errors } = await runProxy([], shared);
  assert.equal(code, 1);
  assert.match(errors, /PROXY_WEBRTC_TCP_SERVER: Cannot share its port/);
  await using proxy = await Proxy.open({ ...engine, ...ownPort(port!) });
  await using media = new UdpPeer();
  await using _api = await openRtcOrigin(proxy, media.port);
  for (let index = 0; index < 4; index++) {
    using client = await IcePeer.connect(port!);
    await client.send(proofOf(await agree(proxy, `s${index}`)));
    const path = (await media.next()).port;
    await media.send(Uint8Array.of(0x80, index), path);
    assert.deepEqual(await client.next(), [0x80, index]);
  }
});

Deno.test("behind a balancer the client is the one that the header names, on a separate port or not", async () => {
  const ports = freeProxyPorts();
  for (const port of [freePort(), ports.httpServer]) {
    const balancers = { PROXY_PROTOCOL: "optional", PROXY_TRUSTED_PROXIES: "127.0.0.0/8" };
    await using proxy = await Proxy.open({ ...SHARED_PORT, ...ownPort(port), ...balancers }, ports);
    await using media = new UdpPeer();
    await using _api = await openRtcOrigin(proxy, media.port);
    using client = await IcePeer.connect(port);
    const header = bytesOfText("PROXY TCP4 192.0.2.7 192.0.2.1 4567 443\r\n");
    await client.write(join([header, framed(proofOf(await agree(proxy, "x")))]));
    await media.send(Uint8Array.of(0x80, 1), (await media.next()).port);
    assert.deepEqual(await client.next(), [0x80, 1]);
    assert.deepEqual((await sessionsOf(proxy)).map((one) => one.client), ["192.0.2.7:4567"]);
  }
});

Deno.test("one port for HTTP and WebRTC over TCP: the protocols are never mixed up", async () => {
  const ports = freeProxyPorts();
  const { httpServer: port } = ports;
  await using proxy = await Proxy.open({ ...SHARED_PORT, ...ownPort(port) }, ports);
  await using media = new UdpPeer();
  await using _api = await openRtcOrigin(proxy, media.port);
  const proof = proofOf(await agree(proxy, "x"));
  const request = bytesOfText(`GET /api/v1/versions HTTP/1.1\r\nHost: x\r\n\r\n`);
  // An HTTP request where a frame should be, one inside a frame, and frames after an HTTP request.
  using liar = await IcePeer.connect(port);
  await liar.write(join([framed(proofOf("nobody")), request]));
  await liar.closed();
  using other = await IcePeer.connect(port);
  await other.write(join([framed(proofOf("nobody")), framed(request)]));
  await other.closed();
  using behind = await RawHttp.connect(port);
  await behind.send(join([request, framed(proof)]));
  assert.equal((await behind.head()).status, 200);
  assert.match(await behind.untilEnd(), /^{"code":0,[^]*"signature"/);
  assert.equal(media.waiting, 0);
  assert.equal(await metric(proxy, "srs_proxy_rtc_tcp_refused_total", "malformed"), 2);
  // Both continue.
  using client = await IcePeer.connect(port);
  await client.send(proof);
  const path = (await media.next()).port;
  assert.match((await RawHttp.ask(port, "/")).body, /<!doctype html>/i);
  await media.send(Uint8Array.of(0x80, 7), path);
  assert.deepEqual(await client.next(), [0x80, 7]);
  await untilTransports(proxy, ["play tcp"]);
});

Deno.test("one port for HTTPS and WebRTC over TCP: neither can be reached through the other", async () => {
  await using authority = await Authority.open();
  await authority.pair();
  const [port] = freePorts(1) as [number];
  await using proxy = await Proxy.open({
    ...SHARED_PORT,
    ...ownPort(port),
    PROXY_HTTPS_SERVER: `127.0.0.1:${port}`,
    PROXY_TLS_CERT: authority.folder.file("pair1.pem"),
    PROXY_TLS_KEY: authority.folder.file("pair1.key"),
  });
  await using media = new UdpPeer();
  await using _api = await openRtcOrigin(proxy, media.port);
  const proof = proofOf(await agree(proxy, "x"));
  using tls = new TlsPeer();
  const request = bytesOfText("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  // TLS after a frame, and inside one.
  for (const bytes of [tls.hello(), framed(tls.hello())]) {
    using liar = await IcePeer.connect(port);
    await liar.write(join([framed(proofOf("nobody")), bytes]));
    await liar.closed();
  }
  assert.equal(await metric(proxy, "srs_proxy_rtc_tcp_refused_total", "malformed"), 2);
  // HTTP without TLS, and a frame that only looks like one at first.
  for (const bytes of [request, framed(proof).with(8, 0)]) {
    using plain = await Deno.connect({ hostname: "127.0.0.1", port });
    await plain.write(bytes);
    assert.ok((await plain.read(new Uint8Array(100)).catch(() => null) ?? 0) <= 7, "an alert");
  }
  await until("both be counted", async () => {
    return await metric(proxy, "srs_proxy_http_refused_total", "tls_handshake") === 2;
  });
  // A frame inside TLS, alone and behind a request.
  for (const before of [new Uint8Array(), request]) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await tls.shake(conn);
    await conn.write(tls.encrypt(join([before, framed(proof), bytesOfText("\r\n\r\n")])));
    const status = before.length === 0 ? "400" : "200";
    assert.ok(textOfBytes(await tls.read(conn)).startsWith(`HTTP/1.1 ${status}`));
  }
  assert.equal(media.waiting, 0);
  // Both continue.
  using client = await IcePeer.connect(port);
  await client.send(proof);
  const path = (await media.next()).port;
  await media.send(Uint8Array.of(0x80, 7), path);
  assert.deepEqual(await client.next(), [0x80, 7]);
  await untilTransports(proxy, ["play tcp"]);
});
