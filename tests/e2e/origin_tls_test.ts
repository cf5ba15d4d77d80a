// Origins with TLS: nginx with certificates in front of real origins, for every protocol over TCP,
// and certificates that are not trusted.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { Authority, type PairOptions } from "../support/certificates.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy, runProxy } from "../support/proxy.ts";
import { freeProxyPorts, listenVariables } from "../support/proxy.ts";
import { type RegisteredOrigin, sendHeartbeat } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { TlsFront } from "../support/tls_front.ts";
import { until } from "../support/wait.ts";
import { untilItMoves, untilTold } from "../support/web_player.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

/** A TLS front end with a certificate signed by an authority. */
async function frontOf(
  authority: Authority,
  targets: readonly number[],
  options: PairOptions = {},
): Promise<TlsFront> {
  await authority.pair(options);
  const { folder } = authority;
  const number = [...Deno.readDirSync(folder.path)].filter(({ name }) => {
    return /^pair\d+\.pem$/.test(name);
  }).length;
  const [certificate, key] = [folder.file(`pair${number}.pem`), folder.file(`pair${number}.key`)];
  return await TlsFront.open({ certificate, key }, targets);
}

/** The heartbeat of an origin that is reached only over TLS. */
function heartbeatOf(
  { name }: Pick<RegisteredOrigin, "name">,
  { ip = "127.0.0.1", rtmp, http, api, rtc }: {
    readonly ip?: string;
    readonly rtmp: number | undefined;
    readonly http?: number | undefined;
    readonly api?: number | undefined;
    readonly rtc?: number | undefined;
  },
) {
  return {
    ...{ ip, server: `vid-${name}`, service: "1", pid: "1" },
    rtmp: [`rtmps://${rtmp}`],
    http: http === undefined ? undefined : [`https://${http}`],
    api: api === undefined ? undefined : [`https://${api}`],
    rtc: rtc === undefined ? undefined : [`udp://${rtc}`],
  };
}

/** Number of failed TLS handshakes with origins. */
async function failures(proxy: Proxy): Promise<number> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  return Number(/^srs_proxy_origin_tls_failures_total (\d+)/m.exec(text)?.[1] ?? assert.fail());
}

Deno.test({
  name: "RTMP and HTTP-FLV reach an origin over TLS, by address and by name",
  timeout: 120_000,
  async fn() {
    await using authority = await Authority.open();
    await using origin = await NodeMediaServer.open();
    await using front = await frontOf(authority, [origin.rtmpPort, origin.httpPort]);
    const [rtmp, http] = front.ports;
    for (const ip of ["127.0.0.1", "localhost"]) {
      await using proxy = await Proxy.open({
        PROXY_ORIGIN_CA: authority.file,
        PROXY_REGISTER_ALLOW: "127.0.0.0/8,::1,localhost",
        PROXY_LANES: "2",
      });
      await sendHeartbeat(proxy, heartbeatOf(origin, { ip, rtmp, http }));
      await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"));
      await using viewer = new Viewer(proxy.rtmpUrl("show"));
      const flv = `http://127.0.0.1:${proxy.ports.httpServer}/live/show.flv`;
      await using player = new Viewer(flv);
      await Promise.all([viewer, player].map((one) => one.moreVideo(50)));
      for (const { video } of [viewer, player]) assertContiguous(video, 101);
      assert.equal(await failures(proxy), 0);
      const { origins } = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/origins")));
      assert.deepEqual(origins[0].rtmp, [`rtmps://${ip}:${rtmp}`]);
    }
  },
});

Deno.test({
  name: "HLS reaches an origin over TLS, on kept connections",
  timeout: 60_000,
  async fn() {
    await using authority = await Authority.open();
    await using origin = await NginxRtmp.open({ hls: true });
    await using front = await frontOf(authority, [origin.rtmpPort, origin.httpPort]);
    const [rtmp, http] = front.ports;
    await using proxy = await Proxy.open({ PROXY_ORIGIN_CA: authority.file });
    await sendHeartbeat(proxy, heartbeatOf(origin, { rtmp, http }));
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    const base = `http://127.0.0.1:${proxy.ports.httpServer}/live/`;
    const playlist = await until("a playlist", async () => {
      return await fetchText(`${base}x.m3u8`).catch(() => undefined);
    }, { timeout: 20_000 });
    const segment = playlist.split("\n").find((line) => /\.ts/.test(line));
    const response = await fetch(new URL(segment!, base));
    const bytes = await response.bytes();
    assert.deepEqual([response.status, bytes[0]], [200, 0x47]);
  },
});

Deno.test({
  name: "WHIP and WHEP are signalled over TLS",
  ignore: !WERIFT_RUNS,
  timeout: 120_000,
  async fn() {
    await using authority = await Authority.open();
    await using origin = await WeriftOrigin.open();
    await using front = await frontOf(authority, [origin.apiPort]);
    const [api] = front.ports;
    await using proxy = await Proxy.open({
      PROXY_ORIGIN_CA: authority.file,
      PROXY_WEBRTC_CANDIDATE: "127.0.0.1",
    });
    await sendHeartbeat(proxy, heartbeatOf(origin, { rtmp: api, api }));
    await using browser = await Browser.open();
    const url = (path: string) => `http://127.0.0.1:${proxy.ports.httpServer}${path}`;
    const publisher = await browser.openPage(url("/publish"));
    await publisher.page.getByLabel("Stream", { exact: true }).fill("live/show");
    await publisher.page.getByRole("radio", { name: "Camera" }).check();
    await publisher.page.getByRole("button", { name: "Publish" }).click();
    await untilTold(publisher.page, "Publishing live/show");
    const player = await browser.openPage(url("/?format=webrtc#live/show"));
    await untilItMoves(player.page);
  },
});

Deno.test({
  name: "an origin whose certificate is not trusted serves nobody, and the others serve everybody",
  timeout: 120_000,
  async fn() {
    await using authority = await Authority.open();
    await using stranger = await Authority.open();
    await using origin = await NginxRtmp.open();
    const targets = [origin.rtmpPort];
    await using good = await frontOf(authority, targets);
    await using foreign = await frontOf(stranger, targets);
    await using misnamed = await frontOf(authority, targets, { names: ["other.example.com"] });
    await using expired = await frontOf(authority, targets, { days: -1 });
    await using proxy = await Proxy.open({ PROXY_ORIGIN_CA: authority.file });
    await sendHeartbeat(proxy, heartbeatOf({ name: "good" }, { rtmp: good.ports[0] }));
    await using publisher = await Publisher.publish(proxy.rtmpUrl("before"));
    await using viewer = new Viewer(proxy.rtmpUrl("before"));
    await viewer.moreVideo(5);
    const bad = [["foreign", foreign], ["misnamed", misnamed], ["expired", expired]] as const;
    for (const [name, front] of bad) {
      await sendHeartbeat(proxy, heartbeatOf({ name }, { rtmp: front.ports[0] }));
    }
    for (const stream of ["a", "b", "c", "d"]) {
      await using _publisher = await Publisher.publish(proxy.rtmpUrl(stream));
      assert.ok((await origin.publishedStreams()).includes(stream));
    }
    const reasons = {
      foreign: "unable to get local issuer certificate",
      misnamed: "IP address mismatch",
      expired: "certificate has expired",
    };
    for (const [name, { ports: [port] }] of bad) {
      const text = `127.0.0.1:${port} as 127.0.0.1: Cannot trust the certificate: ${reasons[name]}`;
      await proxy.process.until("the log tell of it", () => proxy.process.errorText.includes(text));
    }
    const told = proxy.process.errorText.split("\n").filter((line) => {
      return line.includes("Cannot speak TLS with an origin") && !line.includes("repeated");
    });
    assert.equal(told.length, bad.length);
    assert.ok(await failures(proxy) >= 3);
    await viewer.moreVideo(50);
    assertContiguous(viewer.video, 101);
    assert.ok(publisher.sentFrames > 0);
  },
});

Deno.test({
  name: "without a file of authorities, origins are trusted by the system's",
  timeout: 60_000,
  async fn() {
    await using authority = await Authority.open();
    await using stranger = await Authority.open();
    await using origin = await NginxRtmp.open();
    await using front = await frontOf(authority, [origin.rtmpPort]);
    for (const { file } of [authority, stranger]) {
      // OpenSSL looks here for what the system trusts.
      await using proxy = await Proxy.open({ SSL_CERT_FILE: file, PROXY_LANES: "2" });
      await sendHeartbeat(proxy, heartbeatOf(origin, { rtmp: front.ports[0] }));
      if (file === stranger.file) {
        await assert.rejects(Publisher.publish(proxy.rtmpUrl("x")));
        assert.ok(await failures(proxy) > 0);
      } else {
        await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
        assert.deepEqual(await origin.publishedStreams(), ["x"]);
        assert.equal(await failures(proxy), 0);
      }
    }
  },
});

Deno.test({
  name: "authorities are replaced while streams run",
  timeout: 60_000,
  async fn() {
    await using authority = await Authority.open();
    await using next = await Authority.open();
    await using origin = await NginxRtmp.open();
    await using old = await frontOf(authority, [origin.rtmpPort]);
    await using renewed = await frontOf(next, [origin.rtmpPort]);
    const file = authority.folder.file("origins.pem");
    await Deno.copyFile(authority.file, file);
    await using proxy = await Proxy.open({ PROXY_ORIGIN_CA: file, PROXY_LANES: "2" });
    await sendHeartbeat(proxy, heartbeatOf(origin, { rtmp: old.ports[0] }));
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(proxy.rtmpUrl("x"));
    await viewer.moreVideo(5);
    await Deno.writeTextFile(file, "nonsense");
    proxy.process.signal("SIGHUP");
    await proxy.process.until("it say so", () => {
      return /Cannot reload.*origins\.pem: Cannot read a certificate/s.test(
        proxy.process.errorText,
      );
    });
    await Deno.copyFile(next.file, file);
    await sendHeartbeat(proxy, heartbeatOf({ name: "renewed" }, { rtmp: renewed.ports[0] }));
    proxy.process.signal("SIGHUP");
    await until("the new origin serve", async () => {
      const publisher = await Publisher.publish(proxy.rtmpUrl("y")).catch(() => undefined);
      await publisher?.[Symbol.asyncDispose]();
      return publisher !== undefined;
    }, { timeout: 20_000 });
    await viewer.moreVideo(30);
    assertContiguous(viewer.video, 101);
  },
});

Deno.test("a start with authorities that cannot be read is refused in one line", async () => {
  await using authority = await Authority.open();
  const { folder } = authority;
  await Deno.writeTextFile(folder.file("text.pem"), "nonsense");
  const cases = [
    ["none.pem", /Cannot read .*none\.pem/],
    ["text.pem", /Cannot use .*text\.pem: Cannot read a certificate in PEM/],
  ] as const;
  for (const [file, expected] of cases) {
    const { code, errors } = await runProxy([], {
      ...listenVariables(freeProxyPorts()),
      PROXY_ORIGIN_CA: folder.file(file),
    });
    assert.equal(code, 1);
    assert.match(errors, expected);
  }
});

Deno.test({
  name: "a real SRS behind TLS serves RTMP and its API",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using authority = await Authority.open();
    await using srs = await Srs.open({ name: "srs" });
    await using front = await frontOf(authority, [srs.rtmpPort, srs.httpPort, srs.apiPort]);
    const [rtmp, http, api] = front.ports;
    await using proxy = await Proxy.open({ PROXY_ORIGIN_CA: authority.file });
    await sendHeartbeat(proxy, heartbeatOf(srs, { rtmp, http, api }));
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(`http://127.0.0.1:${proxy.ports.httpServer}/live/x.flv`);
    await viewer.moreVideo(30);
    assertContiguous(viewer.video, 101);
    const url = `http://127.0.0.1:${proxy.ports.httpApi}/api/v1/streams/`;
    const { streams } = JSON.parse(await fetchText(url));
    assert.deepEqual(streams.map(({ name }: { readonly name: string }) => name), ["x"]);
  },
});

Deno.test({
  name: "a real SRS behind TLS gets the client's address inside TLS",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using authority = await Authority.open();
    await using srs = await Srs.open({ name: "srs", traces: true });
    await using front = await frontOf(authority, [srs.rtmpPort]);
    await using proxy = await Proxy.open({
      PROXY_ORIGIN_CA: authority.file,
      PROXY_ORIGIN_PROXY_PROTOCOL: "srs",
    });
    await sendHeartbeat(proxy, heartbeatOf(srs, { rtmp: front.ports[0] }));
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await srs.process.until("SRS know the client", () => {
      return srs.process.outputText.includes("real client ip=127.0.0.1");
    });
    assert.equal(await failures(proxy), 0);
  },
});
