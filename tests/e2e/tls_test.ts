// TLS for clients: ffmpeg over RTMPS, Chromium's players and camera over HTTPS on one port,
// heartbeats over HTTPS, certificates replaced while streams run, and invalid files.

import assert from "node:assert/strict";
import { Authority } from "../support/certificates.ts";
import { Browser } from "../support/browser.ts";
import { Child } from "../support/child.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous, assertSameFrames } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText } from "../support/origin_server.ts";
import { freePorts } from "../support/ports.ts";
import { freeProxyPorts, listenVariables, Proxy, runProxy } from "../support/proxy.ts";
import { heartbeatOf, registeredOrigins, Registration } from "../support/register.ts";
import { RtmpPeer } from "../support/rtmp_peer.ts";
import { recording } from "../support/rtmp_recordings.ts";
import { sessionsOf } from "../support/sessions.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { TlsPeer } from "../support/tls_peer.ts";
import { until } from "../support/wait.ts";
import { untilItMoves, untilPicture, untilTold } from "../support/web_player.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

/** Streams that run while certificates are replaced. */
const STREAMS = 20;

/** A proxy with TLS on all ports, and its certificates. */
class World implements AsyncDisposable {
  readonly authority: Authority;
  readonly proxy: Proxy;
  readonly rtmps: number;
  readonly https: number;
  readonly httpsApi: number;
  readonly systemTls: number;

  private constructor(authority: Authority, proxy: Proxy, ports: readonly number[]) {
    this.authority = authority;
    this.proxy = proxy;
    [this.rtmps, this.https, this.httpsApi, this.systemTls] = ports as [
      number,
      number,
      number,
      number,
    ];
  }

  static async open(variables: Record<string, string> = {}): Promise<World> {
    const authority = await Authority.open();
    const { folder } = authority;
    await authority.pair();
    await authority.pair({ names: ["tv.example.com"] });
    const ports = freePorts(4);
    const proxy = await Proxy.open({
      PROXY_RTMPS_SERVER: `127.0.0.1:${ports[0]}`,
      PROXY_HTTPS_SERVER: `127.0.0.1:${ports[1]}`,
      PROXY_HTTPS_API: `127.0.0.1:${ports[2]}`,
      PROXY_SYSTEM_API_TLS: `127.0.0.1:${ports[3]}`,
      PROXY_TLS_CERT: `${folder.file("pair1.pem")},${folder.file("pair2.pem")}`,
      PROXY_TLS_KEY: `${folder.file("pair1.key")},${folder.file("pair2.key")}`,
      ...variables,
    });
    return new World(authority, proxy, ports);
  }

  rtmpsUrl(stream: string): string {
    return `rtmps://127.0.0.1:${this.rtmps}/live/${stream}`;
  }

  httpsUrl(path: string): string {
    return `https://127.0.0.1:${this.https}${path}`;
  }

  /** A client that trusts the authority, optionally with a certificate of its own. */
  async client(
    own?: { readonly certificate: string; readonly key: string },
  ): Promise<Deno.HttpClient> {
    const caCerts = [await Deno.readTextFile(this.authority.file)];
    return Deno.createHttpClient(
      own === undefined ? { caCerts } : { caCerts, cert: own.certificate, key: own.key },
    );
  }

  /** The serial number of the certificate presented for a name. */
  async serial(port: number, name: string): Promise<string> {
    const { stdout } = await new Deno.Command("sh", {
      args: [
        "-c",
        `openssl s_client -connect 127.0.0.1:${port} -servername ${name} 2>/dev/null </dev/null | openssl x509 -noout -serial`,
      ],
    }).output();
    return new TextDecoder().decode(stdout).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.authority[Symbol.asyncDispose]();
  }
}

Deno.test({
  name: "ffmpeg publishes and plays over RTMPS the same frames as plain clients",
  timeout: 90_000,
  async fn() {
    await using world = await World.open();
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([world.proxy], origin);
    await using _publisher = await Publisher.publish(world.rtmpsUrl("x"));
    await using plain = new Viewer(world.proxy.rtmpUrl("x"));
    await using secure = new Viewer(world.rtmpsUrl("x"));
    await Promise.all([plain.moreVideo(30), secure.moreVideo(30)]);
    assertSameFrames(plain.video, secure.video, 15);
    assertContiguous(secure.video, 101);
    assert.equal((await sessionsOf(world.proxy)).length, 3);
  },
});

Deno.test({
  name: "RTMPS clients that ask for a name and check it: OBS's conversation, ffmpeg and librtmp",
  timeout: 90_000,
  async fn() {
    await using authority = await Authority.open();
    const { folder } = authority;
    await authority.pair({ names: ["tv.example.com"] });
    await authority.pair({ names: ["localhost"] });
    const [port] = freePorts(1) as [number];
    await using proxy = await Proxy.open({
      PROXY_RTMPS_SERVER: `127.0.0.1:${port}`,
      PROXY_TLS_CERT: `${folder.file("pair1.pem")},${folder.file("pair2.pem")}`,
      PROXY_TLS_KEY: `${folder.file("pair1.key")},${folder.file("pair2.key")}`,
    });
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    const caCerts = [await Deno.readTextFile(authority.file)];
    for (const hostname of ["localhost", "tv.example.com"]) {
      const plain = await Deno.connect({ hostname: "127.0.0.1", port });
      using obs = await RtmpPeer.greet(await Deno.startTls(plain, { hostname, caCerts }));
      await obs.say(recording("obs").client);
      await obs.hears("onStatus:NetStream.Publish.Start");
      assert.deepEqual(await origin.publishedStreams(), ["cam"]);
      await obs.finish();
      await until("the end", async () => (await origin.publishedStreams()).length === 0);
    }
    const url = `rtmps://localhost:${port}/live/x`;
    const check = ["-tls_verify", "1", "-ca_file", authority.file];
    await using _publisher = await Publisher.publish(url, { outputOptions: check });
    const stranger = url.replace("localhost", "127.0.0.1");
    await assert.rejects(Publisher.publish(stranger, { outputOptions: check }), "another's name");
    const file = folder.file("x.flv");
    await using player = new Child({
      command: "rtmpdump",
      args: ["--live", "-r", url, "-o", file],
    });
    await player.until("a recording", () => {
      try {
        return Deno.statSync(file).size > 40_000;
      } catch {
        return false;
      }
    }, 20_000);
  },
});

Deno.test({
  name: "Chromium plays HTTP-FLV on a page over HTTPS",
  timeout: 120_000,
  async fn() {
    await using world = await World.open();
    await using flv = await NodeMediaServer.open();
    await using browser = await Browser.open();
    await using _registration = await Registration.open([world.proxy], flv);
    await using _publisher = await Publisher.publish(world.proxy.rtmpUrl("show"));
    const { page, errors } = await browser.openPage(world.httpsUrl("/?format=flv#live/show"));
    await untilTold(page, "Playing live/show");
    await untilPicture(page, "https_flv");
    assert.deepEqual(errors, []);
  },
});

Deno.test({
  name: "Chromium plays HLS on a page over HTTPS",
  timeout: 120_000,
  async fn() {
    await using world = await World.open();
    await using hls = await NginxRtmp.open({ hls: true });
    await using browser = await Browser.open();
    await using _registration = await Registration.open([world.proxy], hls);
    await using _publisher = await Publisher.publish(world.rtmpsUrl("show"));
    using client = await world.client();
    await until("a playlist", async () => {
      const response = await fetch(`https://localhost:${world.https}/live/show.m3u8`, { client });
      await response.body?.cancel();
      return response.ok;
    }, { timeout: 20_000 });
    const { page, errors } = await browser.openPage(world.httpsUrl("/?format=hls#live/show"));
    await untilTold(page, "Playing live/show");
    await untilPicture(page, "https_hls");
    assert.deepEqual(errors, []);
  },
});

Deno.test({
  name: "a camera is published by WHIP from an HTTPS page and played by WHEP, all on one port",
  ignore: !WERIFT_RUNS,
  timeout: 120_000,
  async fn() {
    await using world = await World.open({ PROXY_WEBRTC_CANDIDATE: "127.0.0.1" });
    await using origin = await WeriftOrigin.open();
    await using _registration = await Registration.open([world.proxy], origin);
    await using browser = await Browser.open();
    const publisher = await browser.openPage(world.httpsUrl("/publish"));
    await publisher.page.getByLabel("Stream", { exact: true }).fill("live/show");
    await publisher.page.getByRole("radio", { name: "Camera" }).check();
    await publisher.page.getByRole("button", { name: "Publish" }).click();
    await untilTold(publisher.page, "Publishing live/show");
    const player = await browser.openPage(world.httpsUrl("/?format=webrtc#live/show"));
    await untilItMoves(player.page);
    await untilPicture(player.page, "https_whep", 3);
    await publisher.page.getByRole("button", { name: "Stop" }).click();
    await until("the origin have heard of the end", async () => {
      return (await origin.seen()).requests.some((one) => one.startsWith("DELETE "));
    });
    assert.deepEqual([publisher.errors, player.errors], [[], []]);
  },
});

Deno.test({
  name:
    "certificates are replaced while 20 streams run: none breaks, and new connections get the new one",
  timeout: 120_000,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const world = stack.use(await World.open());
    const origin = stack.use(await NodeMediaServer.open());
    stack.use(await Registration.open([world.proxy], origin));
    const viewers = await Promise.all(Array.from({ length: STREAMS }, async (_, index) => {
      const stream = `s${index}`;
      stack.use(await Publisher.publish(world.rtmpsUrl(stream)));
      const isFlv = index % 2 === 0;
      const url = isFlv ? world.httpsUrl(`/live/${stream}.flv`) : world.rtmpsUrl(stream);
      return stack.use(new Viewer(url));
    }));
    await Promise.all(viewers.map((viewer) => viewer.moreVideo(5)));
    const before = await world.serial(world.rtmps, "localhost");
    const other = await world.serial(world.rtmps, "tv.example.com");
    assert.notEqual(before, other);
    const { folder } = world.authority;
    await world.authority.pair();
    // As an ACME client does: first one file, then the other.
    await Deno.copyFile(folder.file("pair3.pem"), folder.file("pair1.pem"));
    await Deno.copyFile(folder.file("pair3.key"), folder.file("pair1.key"));
    world.proxy.process.signal("SIGHUP");
    for (const port of [world.rtmps, world.https, world.httpsApi, world.systemTls]) {
      await until("the new certificate", async () => {
        return await world.serial(port, "localhost") !== before;
      });
      assert.equal(await world.serial(port, "tv.example.com"), other);
    }
    await Promise.all(viewers.map((viewer) => viewer.moreVideo(30)));
    for (const viewer of viewers) assertContiguous(viewer.video, 101);
    await Deno.writeTextFile(folder.file("pair1.key"), "nonsense");
    world.proxy.process.signal("SIGHUP");
    await world.proxy.process.until("it say so", () => {
      return /Cannot reload.*pair1\.pem: Cannot read a private key/s.test(
        world.proxy.process.errorText,
      );
    });
    assert.notEqual(await world.serial(world.https, "localhost"), before);
  },
});

Deno.test("a client that returns with a ticket resumes its session in any lane", async () => {
  await using world = await World.open({ PROXY_LANES: "2" });
  using peer = new TlsPeer();
  using first = await Deno.connect({ hostname: "127.0.0.1", port: world.https });
  await peer.shake(first);
  await first.write(
    peer.encrypt(new TextEncoder().encode("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")),
  );
  await peer.read(first);
  peer.keepSession();
  using stack = new DisposableStack();
  for (let count = 0; count < 32; count++) {
    const conn = stack.use(await Deno.connect({ hostname: "127.0.0.1", port: world.https }));
    await peer.shake(conn);
    assert.equal(peer.isResumed, true);
  }
  await until("both lanes have some", async () => {
    const figures = await fetchText(world.proxy.systemUrl("/metrics"));
    return [1, 2].every((lane) => figures.match(`lane_connections{lane="${lane}"} [1-9]`));
  });
});

Deno.test("origins register over TLS, and only with a certificate where one is required", async () => {
  const authority = await Authority.open();
  const own = await authority.pair({ names: ["origin-1"] });
  await using stranger = await Authority.open();
  const false_ = await stranger.pair({ names: ["origin-1"] });
  await using world = await World.open({ PROXY_SYSTEM_API_CLIENT_CA: authority.file });
  const register = async (url: string, client?: Deno.HttpClient) => {
    const body = JSON.stringify(heartbeatOf({ name: "x", rtmpPort: 1935, httpPort: 8080 }, "1"));
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/api/v1/srs/register`, {
      ...{ method: "POST", headers, body },
      ...(client && { client }),
    });
    await response.body?.cancel();
    return response.status;
  };
  const secure = `https://localhost:${world.systemTls}`;
  assert.equal(await register(world.proxy.systemUrl("")), 401);
  using anonymous = await world.client();
  assert.equal(await register(secure, anonymous), 401);
  using wrong = await world.client(false_);
  await assert.rejects(register(secure, wrong));
  using right = await world.client(own);
  assert.equal(await register(secure, right), 200);
  assert.equal((await registeredOrigins(world.proxy)).length, 1);
  const ready = JSON.parse(await fetchText(world.proxy.systemUrl("/readyz")));
  assert.deepEqual([ready.status, ready.certificate_days], ["degraded", 1]);
  assert.match(ready.reason, /expires in 1 days/);
  const metrics = await fetchText(world.proxy.systemUrl("/metrics"));
  assert.match(metrics, /^srs_proxy_tls_certificate_days 1$/m);
  await authority[Symbol.asyncDispose]();
});

Deno.test("a start with certificates that cannot be used is refused in one line", async () => {
  await using authority = await Authority.open();
  const { folder } = authority;
  await authority.pair();
  await authority.pair();
  await authority.pair({ days: -1 });
  const cases = [
    [
      "pair1.pem",
      "pair2.key",
      /pair1\.pem: Cannot use a private key that is not the certificate's/,
    ],
    ["pair1.pem", "none.key", /Cannot read .*none\.key/],
    ["pair1.key", "pair1.key", /pair1\.key: Cannot read a certificate/],
    ["pair3.pem", "pair3.key", /pair3\.pem: it ended on \d{4}-\d\d-\d\d/],
  ] as const;
  for (const [certificate, key, expected] of cases) {
    const { code, errors } = await runProxy([], {
      ...listenVariables(freeProxyPorts()),
      PROXY_HTTPS_SERVER: "127.0.0.1:0",
      PROXY_TLS_CERT: folder.file(certificate),
      PROXY_TLS_KEY: folder.file(key),
    });
    assert.equal(code, 1);
    assert.match(errors, expected);
    assert.ok(!errors.includes("BEGIN"));
  }
});

Deno.test({
  name: "a real SRS registers over HTTPS",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using world = await World.open();
    const heartbeatUrl = `https://127.0.0.1:${world.systemTls}/api/v1/srs/register`;
    await using _srs = await Srs.open({ name: "srs", heartbeatUrl });
    await until("SRS register", async () => (await registeredOrigins(world.proxy)).length === 1);
    await using publisher = await Publisher.publish(world.rtmpsUrl("x"));
    await until("frames", () => publisher.sentFrames > 10);
  },
});
