// The HTTP API and the HTTP server on one port, as with SRS: streams, pages, versions and WebRTC
// signalling, and shutdown, during which the API answers for longer than streams are accepted.

import assert from "node:assert/strict";
import { Authority } from "../support/certificates.ts";
import { HttpOrigin, live } from "../support/http_origin.ts";
import { freePorts } from "../support/ports.ts";
import { freeProxyPorts, Proxy } from "../support/proxy.ts";
import { RawBody, RawHttp, requestText } from "../support/raw_http.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { until } from "../support/wait.ts";

const LIVE = live({ framing: "chunked", tagLength: 1_000, interval: 20 });
const OFFER = { method: "POST", lines: ["Content-Type: application/sdp", "Content-Length: 5"] };

Deno.test("streams, pages and the API share a port, and each ends in its own way", async (t) => {
  const all = freeProxyPorts();
  const port = all.httpServer;
  await using proxy = await Proxy.open({ PROXY_GRACE_QUIT_TIMEOUT: "5s" }, {
    ...all,
    httpApi: port,
  });
  await using origin = new HttpOrigin({ "/live/x.flv": LIVE });
  await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
  using viewer = await RawHttp.connect(port);
  await viewer.send(requestText("/live/x.flv"));
  const head = await viewer.head();
  const body = new RawBody(viewer, head);
  await body.atLeast(5_000, () => {});
  await t.step("the API is there", async () => {
    const versions = await RawHttp.ask(port, "/api/v1/versions");
    assert.match(versions.body, /"signature"/);
    assert.equal((await RawHttp.ask(port, "/rtc/v1/whip/", { method: "GET" })).status, 405);
    assert.equal((await RawHttp.ask(port, "/rtc/v1/whip/", { method: "OPTIONS" })).status, 204);
    using client = await RawHttp.connect(port);
    await client.send(requestText("/rtc/v1/whip/?app=live&stream=x", OFFER) + "v=0\r\n");
    assert.equal((await client.head()).status, 400, "the offer was read");
    assert.equal((await RawHttp.ask(port, "/api/v1/x.flv")).status, 404);
  });
  await t.step("so are the pages and the server's own limits", async () => {
    assert.match((await RawHttp.ask(port, "/")).body, /<!doctype html>/i);
    assert.equal((await RawHttp.ask(port, "/live/x.flv", { method: "POST" })).status, 405);
  });
  await t.step(
    "while draining, streams continue, none begins, and the API still answers",
    async () => {
      proxy.process.signal("SIGTERM");
      await until("it be not ready", async () => await proxy.readiness() !== 200);
      await body.atLeast(5_000, () => {});
      assert.equal((await RawHttp.ask(port, "/live/x.flv")).status, 503);
      assert.equal((await RawHttp.ask(port, "/api/v1/versions")).status, 200);
      viewer[Symbol.dispose]();
      const { code } = await proxy.process.end(3_000);
      assert.equal(code, 0, "it ended with its last stream");
    },
  );
  assert.equal(origin.requests.length, 1);
});

Deno.test("streams of an application called rtc work, on one port or two", async () => {
  for (const isOne of [true, false]) {
    const all = freeProxyPorts();
    const port = all.httpServer;
    await using proxy = await Proxy.open({}, isOne ? { ...all, httpApi: port } : all);
    await using origin = new HttpOrigin({ "/rtc/x.flv": LIVE });
    await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
    using viewer = await RawHttp.connect(port);
    await viewer.send(requestText("/rtc/x.flv"));
    assert.equal((await viewer.head()).status, 200);
    assert.equal((await RawHttp.ask(port, "/rtc/v1/whip/", { method: "OPTIONS" })).status, 204);
  }
});

Deno.test("streams, pages and both APIs are there over TLS, on as many ports as without", async () => {
  await using authority = await Authority.open();
  await authority.pair();
  using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(authority.file)] });
  const [https, own, systemTls] = freePorts(3) as [number, number, number];
  const all = freeProxyPorts();
  const cases = [
    { api: own, ports: all },
    { api: https, ports: { ...all, httpApi: all.httpServer } },
  ];
  await using origin = new HttpOrigin({ "/live/x.flv": LIVE });
  for (const { api, ports } of cases) {
    await using proxy = await Proxy.open({
      PROXY_HTTPS_SERVER: `127.0.0.1:${https}`,
      PROXY_HTTPS_API: `127.0.0.1:${api}`,
      PROXY_SYSTEM_API_TLS: `127.0.0.1:${systemTls}`,
      PROXY_TLS_CERT: authority.folder.file("pair1.pem"),
      PROXY_TLS_KEY: authority.folder.file("pair1.key"),
    }, ports);
    await sendHeartbeat(proxy, heartbeatOf(origin, "1"));
    const ask = async (port: number, path: string) => {
      const response = await fetch(`https://localhost:${port}${path}`, { client });
      const type = response.headers.get("content-type")?.split(";")[0];
      await response.body?.cancel();
      return [response.status, type];
    };
    const isJson = [200, "application/json"];
    assert.deepEqual(await ask(https, "/live/x.flv"), [200, "video/x-flv"]);
    assert.deepEqual(await ask(https, "/"), [200, "text/html"]);
    assert.deepEqual(await ask(https, "/api/v1/versions"), isJson);
    assert.deepEqual(await ask(api, "/api/v1/streams"), isJson);
    assert.deepEqual(await ask(systemTls, "/api/v1/origins"), isJson);
    assert.deepEqual(await ask(systemTls, "/"), [200, "text/html"]);
    for (const port of [https, api]) {
      assert.equal((await ask(port, "/rtc/v1/whip/"))[0], 405, "signalling");
    }
  }
});
