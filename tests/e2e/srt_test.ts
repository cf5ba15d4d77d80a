// SRT as people use it: libsrt's own programs and ffmpeg on both sides of the proxy, plain and
// encrypted, over lossy lines.

import assert from "node:assert/strict";
import { testFile, Viewer } from "../support/ffmpeg.ts";
import { Browser } from "../support/browser.ts";
import { mediaPlaylist } from "../support/http_media.ts";
import { LossyUdp } from "../support/lossy_udp.ts";
import { Proxy, RUN_ENGINE } from "../support/proxy.ts";
import { heartbeatOf, registeredOrigins, sendHeartbeat } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import {
  publish,
  publishBytes,
  sentBytes,
  serve,
  SrtReceiver,
  srtUrl,
  type SrtUrlOptions,
  untilListening,
} from "../support/srt_programs.ts";
import { registerSrt, SRT_ONLY, srtSessions } from "../support/srt_proxy.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { checkContinuity } from "../support/transport_stream.ts";
import { freePort } from "../support/ports.ts";
import { untilItMoves } from "../support/web_player.ts";
import { until } from "../support/wait.ts";
import { isKeyMaterial } from "../../src/protocol/srt/packet.ts";

const SECONDS = 4;
/**
 * Options of libsrt with which everything must arrive unchanged: it may neither be too late, on a busy
 * machine, nor dropped for it.
 */
const CASES: Readonly<Record<string, SrtUrlOptions>> = {
  "plain, 20 ms": { latency: 20_000, tlpktdrop: 0 },
  "plain, 2 s": { latency: 2_000_000 },
  "AES-128": { latency: 1_000_000, passphrase: "of-this-test-only", pbkeylen: 16 },
  "AES-256": { latency: 1_000_000, passphrase: "of-this-test-only", pbkeylen: 32 },
};

/** srt-live-transmit counts latency in milliseconds, ffmpeg in microseconds. */
function forListener({ latency, ...rest }: SrtUrlOptions): SrtUrlOptions {
  return { ...rest, latency: Number(latency) / 1000 };
}

/**
 * Asserts that nothing was changed on the way. What is in transit when its sender hangs up is
 * dropped by libsrt's receivers, with and without a proxy: at most the latency of the case.
 */
function assertSame(received: Uint8Array, sent: Uint8Array, about: string): void {
  assert.ok(received.length > sent.length / 3, `${received.length} of ${sent.length} ${about}`);
  assert.deepEqual(received, sent.subarray(0, received.length));
}

for (const [name, options] of Object.entries(CASES)) {
  Deno.test(`SRT ${name}: what is published and what is played arrive byte for byte`, async () => {
    const file = await testFile();
    const expected = await sentBytes(file, SECONDS);
    const publishing = async () => {
      await using proxy = await Proxy.open(SRT_ONLY);
      const { receiver, port } = SrtReceiver.listen(forListener(options));
      await using _receiver = receiver;
      await untilListening(port);
      await registerSrt(proxy, "o", port);
      const url = srtUrl(proxy.ports.srt, options);
      await using caller = publish(url, "#!::r=live/show,m=publish", { file, seconds: SECONDS });
      assertSame(await receiver.received(), expected, caller.errorText);
      await until("the session end", async () => (await srtSessions(proxy)).length === 0);
    };
    const playing = async () => {
      await using proxy = await Proxy.open(SRT_ONLY);
      const port = freePort();
      await using _origin = serve(port, file, { seconds: SECONDS, options });
      await untilListening(port);
      await registerSrt(proxy, "o", port);
      const url = srtUrl(proxy.ports.srt, { ...forListener(options), streamid: "live/show" });
      await using player = SrtReceiver.open(url);
      assertSame(await player.received(), expected, player.process.errorText);
    };
    await Promise.all([publishing(), playing()]);
  });
}

Deno.test({
  name: "SRT: nothing that a caller sends is missing at the origin if the caller does not hang up",
  // Deno's sockets have the system's receive buffer: of a burst of 200 datagrams a busy machine loses
  // the last hundred, and SRT repeats nothing at the end of a transmission.
  ignore: RUN_ENGINE === "deno",
  async fn() {
    await using folder = new TempFolder();
    const path = folder.file("sent.ts");
    const sent = await sentBytes(await testFile(), SECONDS);
    // ffmpeg holds back the end of its input, so padding is added.
    await Deno.writeFile(path, new Uint8Array([...sent, ...new Uint8Array(65_536)]));
    await Promise.all(["plain, 20 ms", "AES-256"].map(async (name) => {
      const options = CASES[name]!;
      await using proxy = await Proxy.open(SRT_ONLY);
      const { receiver, port } = SrtReceiver.listen(forListener(options));
      await using _receiver = receiver;
      await untilListening(port);
      await registerSrt(proxy, "o", port);
      const url = srtUrl(proxy.ports.srt, options);
      await using caller = publishBytes(url, "#!::r=live/show,m=publish", path);
      await until("all of it", () => receiver.size() >= sent.length, {
        describe: () => `${receiver.size()} of ${sent.length} ${caller.errorText}`,
      });
      await caller.kill();
      const received = await receiver.received();
      assert.deepEqual(received.subarray(0, sent.length), sent);
    }));
  },
});

Deno.test("SRT: keys that change within a session are passed on, and nothing is missing", async () => {
  const file = await testFile();
  const keys = { latency: 2_000_000, passphrase: "of-this-test-only", pbkeylen: 16 };
  await using proxy = await Proxy.open(SRT_ONLY);
  const { receiver, port } = SrtReceiver.listen(forListener(keys));
  await using _receiver = receiver;
  await untilListening(port);
  await registerSrt(proxy, "o", port);
  const changes: string[] = [];
  await using line = new LossyUdp({
    ...{ to: proxy.ports.srt, perMille: 0, seed: 1 },
    watch: (datagram) => {
      const key = keyChangeOf(datagram);
      if (key !== undefined && key !== changes.at(-1)) changes.push(key);
    },
  });
  // A new key every 100 packets, announced 40 packets ahead.
  const url = srtUrl(line.port, { ...keys, kmrefreshrate: 100, kmpreannounce: 40 });
  await using caller = publish(url, "#!::r=live/show,m=publish", { file, seconds: SECONDS });
  assertSame(await receiver.received(), await sentBytes(file, SECONDS), caller.errorText);
  const used = changes.filter((change) => change === "even" || change === "odd");
  assert.ok(used.length > 2, `keys used: ${changes}`);
  const told = changes.filter((change) => change === "request" || change === "answer");
  assert.ok(told.includes("request") && told.includes("answer"), `${changes}`);
});

/** Which key a data packet is encrypted with, or what a control packet says about a new one. */
function keyChangeOf(datagram: Uint8Array): string | undefined {
  if (datagram[0]! < 0x80) {
    const key = (datagram[4]! >> 3) & 3;
    return key === 1 ? "even" : key === 2 ? "odd" : undefined;
  }
  if (!isKeyMaterial(datagram)) return undefined;
  return datagram[3] === 3 ? "request" : "answer";
}

Deno.test("SRT over IPv6, to an origin at an IPv6 address", async () => {
  const file = await testFile();
  const port = freePort();
  await using proxy = await Proxy.open({
    PROXY_SRT_SERVER: `[::1]:${port}`,
    PROXY_REGISTER_ALLOW: "::1,127.0.0.1",
  });
  const originPort = freePort();
  const listener = srtUrl(originPort, { mode: "listener", latency: 200 }, "[::1]");
  await using receiver = SrtReceiver.open(listener);
  const heartbeat = heartbeatOf({ name: "o", rtmpPort: 1 }, "1");
  const srt = [`udp://[::1]:${originPort}`];
  await sendHeartbeat(proxy, { ...heartbeat, ip: "::1", rtmp: ["1935"], srt });
  const url = srtUrl(port, { latency: 200_000 }, "[::1]");
  await using caller = publish(url, "#!::r=live/show,m=publish", { file, seconds: 2 });
  assertSame(await receiver.received(), await sentBytes(file, 2), caller.errorText);
});

Deno.test("SRT over a line that loses 2 %: no gaps that the line alone would not cause", async () => {
  const file = await testFile();
  // Time for repetitions, on a busy machine too. What is on its way when a caller ends may be lost.
  const options = { latency: 2_000_000 };
  const seconds = 12;
  const send = async (target: number, receiver: SrtReceiver, seed: number) => {
    await using line = new LossyUdp({ to: target, perMille: 20, seed });
    const url = srtUrl(line.port, options);
    await using caller = publish(url, "#!::r=live/show,m=publish", { file, seconds });
    const seen = checkContinuity(await receiver.received());
    assert.ok(line.lost > 0, `nothing of ${line.seen} was lost: ${caller.errorText}`);
    return seen;
  };
  await using proxy = await Proxy.open(SRT_ONLY);
  const direct = SrtReceiver.listen(forListener(options));
  const proxied = SrtReceiver.listen(forListener(options));
  await using _direct = direct.receiver;
  await using _proxied = proxied.receiver;
  await registerSrt(proxy, "o", proxied.port);
  const [without, withProxy] = await Promise.all([
    send(direct.port, direct.receiver, 7),
    send(proxy.ports.srt, proxied.receiver, 7),
  ]);
  assert.ok(withProxy.errors <= without.errors, `${withProxy.errors} gaps, ${without.errors}`);
  assert.ok(withProxy.packets > without.packets * 0.8, `${withProxy.packets} packets`);
});

Deno.test({
  name: "SRT and a real SRS: published by SRT, played by RTMP, FLV, HLS, WebRTC and SRT",
  ignore: SRS_BIN === undefined,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_WEBRTC_CANDIDATE: "127.0.0.1" });
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using srs = await Srs.open({ name: "srs", srt: true, rtc: true, heartbeatUrl });
    await until("SRS register", async () => (await registeredOrigins(proxy)).length === 1);
    const file = await testFile();
    const url = srtUrl(proxy.ports.srt, { latency: 200_000 });
    await using _caller = publish(url, "#!::h=live/show,m=publish", { file, seconds: 60 });
    await until("the session", async () => (await srtSessions(proxy)).length === 1);
    await until("SRS have it", async () => (await srs.publishedStreams()).length === 1);
    await using rtmp = new Viewer(proxy.rtmpUrl("show"));
    await rtmp.moreVideo(20);
    const web = `http://127.0.0.1:${proxy.ports.httpServer}`;
    const streamid = "#!::r=live/show,m=request";
    const player = srtUrl(proxy.ports.srt, { latency: 200, streamid });
    await using srt = SrtReceiver.open(player);
    // SRS sends audio in large pieces; a player that joins between two of them gets none at first.
    await until("FLV play", async () => {
      await using flv = new Viewer(`${web}/live/show.flv`);
      return await flv.moreVideo(20).then(() => true, () => false);
    });
    await until("SRT play", () => srt.size() > 20_000, {
      describe: () => srt.process.errorText,
    });
    assert.deepEqual(await srtSessions(proxy), new Array(2).fill("__defaultVhost__/live/show"));
    const { links } = await mediaPlaylist(`${web}/live/show.m3u8`, 1);
    const segment = await fetch(links[0]!);
    assert.equal((await segment.bytes())[0], 0x47, "a transport stream");
    await using browser = await Browser.open();
    const { page } = await browser.openPage(`${web}/?format=webrtc#live/show`);
    await untilItMoves(page);
  },
});
