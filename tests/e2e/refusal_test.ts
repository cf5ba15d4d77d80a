// When an origin refuses, the client is told quickly that it is refused, and the proxy does not try
// other origins.

import assert from "node:assert/strict";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { HookServer } from "../support/hook_server.ts";
import { NginxRtmp, type NginxRtmpOptions } from "../support/nginx_rtmp.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { until } from "../support/wait.ts";

const QUICKLY = 5_000;
const SERVER_ERROR = /Server error: (.*)/;

/** A proxy with two equally configured nginx, so that it could try the other. */
async function openProxyWithTwo(
  stack: AsyncDisposableStack,
  options: NginxRtmpOptions,
): Promise<Proxy> {
  const proxy = stack.use(await Proxy.open());
  for (const name of ["one", "two"]) {
    const origin = stack.use(await NginxRtmp.open({ ...options, name }));
    stack.use(await Registration.open([proxy], origin));
  }
  await testFile();
  return proxy;
}

Deno.test({
  name: "a publish that the origin's hook refuses fails at once and is tried once",
  timeout: 60_000,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const hook = stack.use(new HookServer(403));
    const proxy = await openProxyWithTwo(stack, { onPublish: hook.url });
    await using publisher = await Publisher.open(proxy.rtmpUrl("x?token=wrong"));
    const end = await publisher.end(QUICKLY);
    assert.notEqual(end.code, 0);
    assert.match(publisher.process.errorText, SERVER_ERROR);
    assert.equal(hook.calls.length, 1, "the refused publish was tried again elsewhere");
    assert.equal(publisher.sentFrames, 0);
  },
});

Deno.test({
  name: "a play that the origin's hook refuses fails at once and is tried once",
  timeout: 60_000,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const hook = stack.use(new HookServer(403));
    const proxy = await openProxyWithTwo(stack, { onPlay: hook.url });
    await using viewer = new Viewer(proxy.rtmpUrl("x?token=wrong"));
    const end = await viewer.process.end(QUICKLY);
    assert.notEqual(end.code, 0);
    assert.match(viewer.process.errorText, SERVER_ERROR);
    assert.equal(hook.calls.length, 1, "the refused play was tried again elsewhere");
  },
});

Deno.test({
  name: "a second publisher of a stream gets the origin's own refusal, and the first continues",
  timeout: 60_000,
  async fn() {
    await using stack = new AsyncDisposableStack();
    const proxy = await openProxyWithTwo(stack, {});
    await using first = await Publisher.publish(proxy.rtmpUrl("x"));
    await using second = await Publisher.open(proxy.rtmpUrl("x"));
    const end = await second.end(QUICKLY);
    assert.notEqual(end.code, 0);
    assert.match(second.process.errorText, /Server error: Already publishing/);
    const sent = first.sentFrames;
    await first.process.until("more frames sent", () => first.sentFrames > sent + 5);
  },
});

Deno.test({
  name: "without any origin a publish and a play fail at once, with a reason",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await testFile();
    await using publisher = await Publisher.open(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(proxy.rtmpUrl("x"));
    for (const { process } of [publisher, viewer]) {
      const end = await process.end(QUICKLY);
      assert.notEqual(end.code, 0);
      assert.match(process.errorText, SERVER_ERROR);
    }
  },
});

Deno.test({
  name: "the query of a stream name reaches the origin's hooks, and names the same stream",
  timeout: 60_000,
  async fn() {
    await using hook = new HookServer(200);
    await using proxy = await Proxy.open();
    await using origin = await NginxRtmp.open({ onPublish: hook.url, onPlay: hook.url });
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x?token=abc"));
    await using viewer = new Viewer(proxy.rtmpUrl("x?token=def"));
    await viewer.moreVideo(5);
    const asked = hook.calls.map(({ call, app, name, token }) => ({ call, app, name, token }));
    assert.deepEqual(asked, [
      { call: "publish", app: "live", name: "x", token: "abc" },
      { call: "play", app: "live", name: "x", token: "def" },
    ]);
    await until("the stream x", async () => (await origin.publishedStreams())[0] === "x");
  },
});

Deno.test({
  name: "repeated refusals are one log line with a count; the metrics count each",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    const { httpServer } = proxy.ports;
    for (let player = 0; player < 50; player++) {
      const response = await fetch(`http://127.0.0.1:${httpServer}/live/${player}.flv`);
      await response.body?.cancel();
      assert.equal(response.status, 503);
    }
    const metrics = await (await fetch(proxy.systemUrl("/metrics"))).text();
    assert.match(metrics, /^srs_proxy_http_refused_total\{reason="no_origin"\} 50$/m);
    proxy.process.signal("SIGTERM");
    await proxy.process.end();
    const lines = proxy.process.errorText.split("\n").filter((line) => line.includes("no_origin"));
    assert.match(lines[0]!, /Session refused .*stream=__defaultVhost__\/live\/0 /);
    const counted = lines.slice(1).map((line) => Number(/ repeated=(\d+)$/.exec(line)?.[1]));
    assert.ok(counted.length > 0 && counted.length < 3, lines.join("\n"));
    assert.equal(counted.reduce((sum, count) => sum + count, 0), 49);
  },
});
