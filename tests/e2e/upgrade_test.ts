// An upgrade: a new process on the same ports as the old one, which drains. Streams over TCP are
// not interrupted, WebRTC continues in the new process, SRT callers call again, and new clients are
// served throughout.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText } from "../support/origin_server.ts";
import { freePort } from "../support/ports.ts";
import { freeProxyPorts, Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { RedisServer } from "../support/redis_server.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { agree, openRtcOrigin, proofOf } from "../support/rtc_origin.ts";
import { serve, SrtReceiver, srtUrl, untilListening } from "../support/srt_programs.ts";
import { registerSrt, srtSessions } from "../support/srt_proxy.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";
import { untilItMoves, untilTold } from "../support/web_player.ts";

const PUBLISHERS = 6;

function variablesOf(redis: RedisServer): Record<string, string> {
  return {
    PROXY_REUSE_PORT: "on",
    PROXY_LOAD_BALANCER_TYPE: "redis",
    PROXY_REDIS_PORT: String(redis.port),
    PROXY_GRACE_QUIT_TIMEOUT: "60s",
    PROXY_FORCE_QUIT_TIMEOUT: "70s",
    PROXY_WEBRTC_CANDIDATE: "127.0.0.1",
  };
}

/** Starts a process on the ports of another one. */
async function openBeside(old: Proxy, redis: RedisServer): Promise<Proxy> {
  const renewed = await Proxy.open(variablesOf(redis), old.ports);
  // Readiness may be answered by either process, as the kernel chooses.
  await until("the new process open", () => /SRT/.test(renewed.process.outputText));
  return renewed;
}

Deno.test({
  name: "twenty streams continue while a new process replaces the old one",
  ignore: Deno.build.os !== "linux",
  timeout: 120_000,
  async fn() {
    await using redis = await RedisServer.open();
    const ports = freeProxyPorts();
    await using old = await Proxy.open(variablesOf(redis), ports);
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

    await using renewed = await openBeside(old, redis);
    old.process.signal("SIGTERM");
    await until("the old one drain", () => /Draining/.test(old.process.errorText));
    await Promise.all(viewers.map((viewer) => viewer.moreVideo(15)));
    for (const viewer of viewers) {
      assert.ok(viewer.process.running, viewer.process.errorText);
      assertContiguous(viewer.video, 101);
    }
    for (const { process } of publishers) assert.ok(process.running, process.errorText);

    // All new clients reach the new one: for existing streams and for their own.
    assert.deepEqual(await registeredOrigins(renewed), ["vid-nms"]);
    await using another = await Publisher.publish(renewed.rtmpUrl("new"));
    const late = ["new", "s1"].flatMap((stream) => [
      stack.use(new Viewer(renewed.rtmpUrl(stream))),
      stack.use(new Viewer(flvUrl(stream))),
    ]);
    await Promise.all(late.map((viewer) => viewer.moreVideo(5)));
    assert.ok(another.process.running);
    assert.ok(old.process.running);

    // The old one ends as soon as its last stream does, not at the end of its grace time.
    await Promise.all([...publishers, ...viewers].map(({ process }) => process.kill()));
    assert.deepEqual(await old.process.end(10_000), { code: 0, signal: null });
    await late[0]!.moreVideo(5);
  },
});

Deno.test({
  name:
    "SRS and Chromium: WebRTC continues in the new process, and a player that joins meanwhile gets there",
  ignore: SRS_BIN === undefined,
  timeout: 120_000,
  async fn() {
    await using redis = await RedisServer.open();
    await using old = await Proxy.open(variablesOf(redis));
    const heartbeatUrl = old.systemUrl("/api/v1/srs/register");
    await using _srs = await Srs.open({ name: "srs", rtc: true, heartbeatUrl });
    await until("SRS register", async () => (await registeredOrigins(old)).length === 1);
    await using browser = await Browser.open();
    const web = `http://127.0.0.1:${old.ports.httpServer}`;
    const publisher = await browser.openPage(`${web}/publish#live/show`);
    await publisher.page.getByRole("radio", { name: "Test picture" }).check();
    await publisher.page.getByRole("button", { name: "Publish" }).click();
    await untilTold(publisher.page, "Publishing live/show");
    const player = await browser.openPage(`${web}/?format=webrtc#live/show`);
    await untilItMoves(player.page);

    await using renewed = await openBeside(old, redis);
    old.process.signal("SIGTERM");
    assert.deepEqual(await old.process.end(10_000), { code: 0, signal: null });
    assert.match(old.process.errorText, /reason=handed_over/);
    await untilItMoves(player.page);
    const late = await browser.openPage(`${web}/?format=webrtc#live/show`);
    await untilItMoves(late.page);
    await until("all three in the list", async () => {
      const listed = await fetchText(renewed.systemUrl("/api/v1/sessions"));
      const { sessions }: { sessions: readonly { intent: string }[] } = JSON.parse(listed);
      return `${sessions.map(({ intent }) => intent).toSorted()}` === "play,play,publish";
    });
  },
});

Deno.test({
  name:
    "WebRTC: the new process serves the old one's clients as soon as they prove themselves again",
  ignore: Deno.build.os !== "linux",
  timeout: 60_000,
  async fn() {
    await using redis = await RedisServer.open();
    await using old = await Proxy.open(variablesOf(redis));
    await using media = new UdpPeer();
    await using _api = await openRtcOrigin(old, media.port);
    const ufrag = await agree(old, "show");
    const begun = await agree(old, "late");
    await using player = new UdpPeer();
    const { webrtc } = old.ports;
    await player.send(proofOf(ufrag), webrtc);
    const { port } = await media.next();
    await using renewed = await openBeside(old, redis);
    old.process.signal("SIGTERM");
    assert.deepEqual(await old.process.end(10_000), { code: 0, signal: null });
    assert.match(old.process.errorText, /reason=handed_over/);

    await until("the session at the new process", async () => {
      await player.send(proofOf(ufrag), webrtc);
      return media.waiting > 0;
    });
    const { port: newPort } = await media.next();
    assert.notEqual(newPort, port);
    await media.send(Uint8Array.of(0x80, 1), newPort);
    assert.deepEqual((await player.next()).bytes, [0x80, 1]);
    // Also a session that was negotiated but had not begun.
    await using late = new UdpPeer();
    await until("the other session", async () => {
      await late.send(proofOf(begun), webrtc);
      const listed = await fetchText(renewed.systemUrl("/api/v1/sessions"));
      return JSON.parse(listed).sessions.length === 2;
    });
  },
});

Deno.test({
  name: "SRT callers are told to call again, and reach the new process",
  ignore: Deno.build.os !== "linux",
  timeout: 60_000,
  async fn() {
    await using redis = await RedisServer.open();
    await using old = await Proxy.open(variablesOf(redis));
    const file = await testFile();
    const originPort = freePort();
    await using _origin = serve(originPort, file, { seconds: 60 });
    await untilListening(originPort);
    await registerSrt(old, "o", originPort);
    const url = srtUrl(old.ports.srt, { latency: 200, streamid: "live/show" });
    await using player = SrtReceiver.open(url);
    await until("the stream", () => player.size() > 20_000);
    await using renewed = await openBeside(old, redis);
    old.process.signal("SIGTERM");
    assert.deepEqual(await old.process.end(10_000), { code: 0, signal: null });
    await player.process.end(8_000);
    const again = freePort();
    await using _another = serve(again, file, { seconds: 60 });
    await untilListening(again);
    await registerSrt(renewed, "o", again);
    await using caller = SrtReceiver.open(url);
    await until("the stream again", () => caller.size() > 20_000);
    assert.deepEqual(await srtSessions(renewed), ["__defaultVhost__/live/show"]);
  },
});
