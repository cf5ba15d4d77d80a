// Load balancers that use the PROXY protocol, in front of the proxy and in front of an origin:
// HAProxy tells the client's address, and so does the proxy. To distinguish the client's address
// from all others on one machine, HAProxy replaces it.

import assert from "node:assert/strict";
import { Authority } from "../support/certificates.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous, assertSameFrames } from "../support/frames.ts";
import { Haproxy } from "../support/haproxy.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { fetchText } from "../support/origin_server.ts";
import { freePorts } from "../support/ports.ts";
import { freeProxyPorts, Proxy } from "../support/proxy.ts";
import { RawHttp } from "../support/raw_http.ts";
import { Registration } from "../support/register.ts";
import { sessionsOf } from "../support/sessions.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { TlsPeer } from "../support/tls_peer.ts";
import { until } from "../support/wait.ts";

const CLIENT = "192.0.2.7";
const BALANCER = "127.0.0.9";
/** The client's address is replaced before the header is made. */
const AS_CLIENT = [`tcp-request connection set-src str(${CLIENT})`];

async function counted(proxy: Proxy, series: string): Promise<number> {
  const metrics = await fetchText(proxy.systemUrl("/metrics"));
  const line = metrics.split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.split(" ")[1] ?? 0);
}

for (const send of ["send-proxy", "send-proxy-v2"]) {
  Deno.test({
    name: `behind HAProxy with ${send}, and an origin behind another: all of them know the client`,
    timeout: 60_000,
    async fn() {
      const ports = freeProxyPorts();
      const [rtmp, http, originRtmp, originHttp] = freePorts(4) as [number, number, number, number];
      await using origin = await NginxRtmp.open();
      await using behind = await Haproxy.open([
        { port: originRtmp, to: origin.rtmpPort, mode: "tcp", bind: "accept-proxy" },
        {
          ...{ port: originHttp, to: origin.httpPort, mode: "http", bind: "accept-proxy" },
          lines: ["http-request set-header user-agent %[src]"],
        },
      ]);
      await using proxy = await Proxy.open({
        PROXY_PROTOCOL: "required",
        PROXY_TRUSTED_PROXIES: BALANCER,
        PROXY_ORIGIN_PROXY_PROTOCOL: "v2",
      }, ports);
      const server = `source ${BALANCER} ${send}`;
      await using _front = await Haproxy.open([
        { port: rtmp, to: ports.rtmp, mode: "tcp", server, lines: AS_CLIENT },
        { port: http, to: ports.httpServer, mode: "tcp", server, lines: AS_CLIENT },
      ]);
      const address = { name: "x", rtmpPort: originRtmp, httpPort: originHttp };
      await using _registration = await Registration.open([proxy], address);
      await using _publisher = await Publisher.publish(`rtmp://127.0.0.1:${rtmp}/live/x`);
      await using direct = new Viewer(origin.rtmpUrl("x"));
      await using viewer = new Viewer(`rtmp://127.0.0.1:${rtmp}/live/x`);
      await Promise.all([direct.moreVideo(15), viewer.moreVideo(15)]);
      assertSameFrames(direct.video, viewer.video, 8);
      assertContiguous(viewer.video, 101);

      const clients = (await sessionsOf(proxy)).map(({ client }) => client);
      assert.equal(clients.length, 2);
      for (const client of clients) assert.ok(client.startsWith(CLIENT), client);
      const opened = proxy.process.errorText.split("\n").filter((line) => {
        return line.includes("Session opened");
      });
      assert.equal(opened.length, 2);
      for (const line of opened) assert.ok(line.includes(CLIENT), line);

      await origin.addFile("/live/x.m3u8", new URL(import.meta.url).pathname);
      for (let times = 0; times < 2; times++) await RawHttp.ask(http, "/live/x.m3u8");
      const requests = await until("the requests", async () => {
        const all = await origin.requests();
        const asked = all.filter(({ target }) => target === "/live/x.m3u8");
        return asked.length === 2 && asked;
      });
      for (const { fields } of requests) {
        assert.equal(fields["user-agent"], CLIENT, "the header towards the origin");
        assert.equal(fields["x-real-ip"], CLIENT);
        assert.equal(fields["x-forwarded-for"], CLIENT);
      }
      await until("the origin's balancer have logged the client", () => {
        return behind.process.outputText.includes(`client ${CLIENT} port ${originHttp}`);
      });
      // Its probes name no client, and are still answered.
      assert.ok(!proxy.process.errorText.includes("is down"));
    },
  });
}

for (const send of ["send-proxy", "send-proxy-v2"]) {
  Deno.test({
    name: `behind HAProxy with ${send}, clients of RTMPS and HTTPS are known too`,
    timeout: 60_000,
    async fn() {
      await using authority = await Authority.open();
      await authority.pair();
      const [rtmp, http, rtmps, https] = freePorts(4) as [number, number, number, number];
      await using origin = await NginxRtmp.open();
      await using proxy = await Proxy.open({
        PROXY_PROTOCOL: "required",
        PROXY_TRUSTED_PROXIES: BALANCER,
        PROXY_RTMPS_SERVER: `127.0.0.1:${rtmps}`,
        PROXY_HTTPS_SERVER: `127.0.0.1:${https}`,
        PROXY_TLS_CERT: authority.folder.file("pair1.pem"),
        PROXY_TLS_KEY: authority.folder.file("pair1.key"),
      });
      const server = `source ${BALANCER} ${send}`;
      await using _front = await Haproxy.open([
        { port: rtmp, to: rtmps, mode: "tcp", server, lines: AS_CLIENT },
        { port: http, to: https, mode: "tcp", server, lines: AS_CLIENT },
      ]);
      await using _registration = await Registration.open([proxy], origin);
      await using _publisher = await Publisher.publish(`rtmps://127.0.0.1:${rtmp}/live/x`);
      await using viewer = new Viewer(`rtmps://127.0.0.1:${rtmp}/live/x`);
      await viewer.moreVideo(5);
      const clients = (await sessionsOf(proxy)).map(({ client }) => client);
      assert.equal(clients.length, 2);
      for (const client of clients) {
        assert.ok(client.startsWith(`${CLIENT}:`), client);
        assert.ok(proxy.process.errorText.includes(client), "in the log");
      }
      await origin.addFile("/live/x.m3u8", new URL(import.meta.url).pathname);
      using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(authority.file)] });
      const answer = await fetch(`https://127.0.0.1:${http}/live/x.m3u8`, { client });
      await answer.body?.cancel();
      const asked = await until("the request", async () => {
        return (await origin.requests()).find(({ target }) => target === "/live/x.m3u8");
      });
      assert.equal(asked.fields["x-forwarded-for"], CLIENT);
      assert.equal(asked.fields["x-real-ip"], CLIENT);
      assert.equal(asked.fields["x-forwarded-proto"], "https");
      // Without a balancer there is no header.
      for (const port of [rtmps, https]) {
        using peer = new TlsPeer();
        using conn = await Deno.connect({ hostname: "127.0.0.1", port });
        await conn.write(peer.hello());
        assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
      }
      for (const name of ["rtmp", "http"]) {
        await until("it be counted", async () => {
          const series = `srs_proxy_${name}_refused_total{reason="proxy_untrusted"}`;
          return await counted(proxy, series) === 1;
        });
      }
    },
  });
}

Deno.test("where a header is required, connections without one or from untrusted peers are closed and counted", async () => {
  await using proxy = await Proxy.open({
    PROXY_PROTOCOL: "required",
    PROXY_TRUSTED_PROXIES: "127.0.0.0/8",
  });
  for (const port of [proxy.ports.rtmp, proxy.ports.httpServer, proxy.ports.httpApi]) {
    using client = await RawHttp.connect(port);
    await client.send("GET /api/v1/versions HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(await client.until(), "", "closed without an answer");
  }
  const refused = (name: string, reason: string) => {
    return until("it be counted", async () => {
      return await counted(proxy, `srs_proxy_${name}_refused_total{reason="${reason}"}`) === 1;
    });
  };
  await refused("rtmp", "proxy_header");
  await refused("http", "proxy_header");
  await refused("api", "proxy_header");
  using client = await RawHttp.connect(proxy.ports.httpApi);
  await client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n");
  assert.equal((await client.ask("/api/v1/versions")).status, 200);
});

Deno.test("a header from an untrusted peer is refused, whatever it says", async () => {
  for (const mode of ["required", "optional"]) {
    await using proxy = await Proxy.open({
      PROXY_PROTOCOL: mode,
      PROXY_TRUSTED_PROXIES: "10.0.0.0/8",
    });
    using client = await RawHttp.connect(proxy.ports.httpServer);
    await client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(await client.until(), "");
    await until("it be counted", async () => {
      return await counted(proxy, 'srs_proxy_http_refused_total{reason="proxy_untrusted"}') === 1;
    });
    if (mode === "required") continue;
    assert.equal((await RawHttp.ask(proxy.ports.httpApi, "/api/v1/versions")).status, 200);
  }
});

Deno.test({
  name: "real SRS gets the client's address before the handshake",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    const ports = freeProxyPorts();
    const [rtmp] = freePorts(1) as [number];
    await using proxy = await Proxy.open({
      PROXY_PROTOCOL: "required",
      PROXY_TRUSTED_PROXIES: BALANCER,
      PROXY_ORIGIN_PROXY_PROTOCOL: "srs",
    }, ports);
    await using _front = await Haproxy.open([{
      ...{ port: rtmp, to: ports.rtmp, mode: "tcp" as const, lines: AS_CLIENT },
      server: `source ${BALANCER} send-proxy-v2`,
    }]);
    await using srs = await Srs.open({
      name: "srs",
      traces: true,
      heartbeatUrl: proxy.systemUrl("/api/v1/srs/register"),
    });
    const { process } = srs;
    await until("SRS have registered", async () => {
      return JSON.parse(await fetchText(proxy.systemUrl("/api/v1/origins"))).origins.length > 0;
    });
    await using _publisher = await Publisher.publish(`rtmp://127.0.0.1:${rtmp}/live/x`);
    await process.until("SRS know the client", () => {
      return process.outputText.includes(`real client ip=${CLIENT}`);
    });
  },
});
