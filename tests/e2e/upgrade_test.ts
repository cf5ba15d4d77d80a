// An upgrade: a new process on the same ports as the old one, which drains. Streams that run are not
// cut, and whoever comes meanwhile is served.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { freeProxyPorts, Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { RedisServer } from "../support/redis_server.ts";
import { until } from "../support/wait.ts";

const PUBLISHERS = 6;

Deno.test({
  name: "twenty streams run on while a new process takes the place of the old one",
  ignore: Deno.build.os !== "linux",
  timeout: 120_000,
  async fn() {
    await using redis = await RedisServer.open();
    const ports = freeProxyPorts();
    const variables = {
      PROXY_REUSE_PORT: "on",
      PROXY_LOAD_BALANCER_TYPE: "redis",
      PROXY_REDIS_PORT: String(redis.port),
      PROXY_GRACE_QUIT_TIMEOUT: "60s",
      PROXY_FORCE_QUIT_TIMEOUT: "70s",
    };
    await using old = await Proxy.open(variables, ports);
    await using origin = await NodeMediaServer.open({ name: "nms" });
    await using _registration = await Registration.open([old], origin);
    await using stack = new AsyncDisposableStack();
    const publishers = await Promise.all(
      Array.from({ length: PUBLISHERS }, (_, index) => Publisher.publish(old.rtmpUrl(`s${index}`))),
    );
    for (const publisher of publishers) stack.use(publisher);
    const flvUrl = (stream: string) => `http://127.0.0.1:${ports.httpServer}/live/${stream}.flv`;
    const viewers = publishers.flatMap((_, index) => [
      stack.use(new Viewer(old.rtmpUrl(`s${index}`))),
      stack.use(new Viewer(flvUrl(`s${index}`))),
    ]);
    viewers.push(stack.use(new Viewer(old.rtmpUrl("s0"))), stack.use(new Viewer(flvUrl("s0"))));
    assert.equal(publishers.length + viewers.length, 20);
    await Promise.all(viewers.map((viewer) => viewer.moreVideo(5)));

    // Both listen on every port; readiness is the old one's or the new one's, as the kernel deals.
    await using renewed = await Proxy.open(variables, ports);
    await until("the new process open", () => /SRT|System API/.test(renewed.process.outputText));
    old.process.signal("SIGTERM");
    await until("the old one drain", () => /Draining/.test(old.process.errorText));
    await Promise.all(viewers.map((viewer) => viewer.moreVideo(15)));
    for (const viewer of viewers) {
      assert.ok(viewer.process.running, viewer.process.errorText);
      assertContiguous(viewer.video, 101);
    }
    for (const { process } of publishers) assert.ok(process.running, process.errorText);

    // All who come now reach the new one: streams of before, and their own.
    assert.deepEqual(await registeredOrigins(renewed), ["vid-nms"]);
    await using another = await Publisher.publish(renewed.rtmpUrl("new"));
    const late = ["new", "s1"].flatMap((stream) => [
      stack.use(new Viewer(renewed.rtmpUrl(stream))),
      stack.use(new Viewer(flvUrl(stream))),
    ]);
    await Promise.all(late.map((viewer) => viewer.moreVideo(5)));
    assert.ok(another.process.running);
    assert.ok(old.process.running);

    // The old one ends as soon as its last stream does, not at the end of its grace.
    for (const { process } of [...publishers, ...viewers]) process.signal("SIGINT");
    assert.deepEqual(await old.process.end(10_000), { code: 0, signal: null });
    await late[0]!.moreVideo(5);
  },
});
