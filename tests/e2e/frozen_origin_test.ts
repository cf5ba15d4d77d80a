// An origin with many streams freezes, without anybody intervening: its clients are disconnected,
// reconnect and get to the other origin, whose own streams are not affected.

import assert from "node:assert/strict";
import { Encoder } from "../support/encoder.ts";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { fetchText, type OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { RtmpPeer } from "../support/rtmp_peer.ts";
import { Script } from "../support/rtmp_script.ts";
import { pause, until } from "../support/wait.ts";

const STREAMS = Array.from({ length: 10 }, (_, number) => `show${number}`);
const VIEWERS_EACH = 3;
const RECOVERY = 8_000;
/** More bytes than answers to commands have, so there must be media. */
const SOME_MEDIA = 20_000;
const VIDEO_STEP = 101;
const AUDIO_STEP = 24;

/** A player that reconnects whenever it is disconnected. */
class Watcher implements AsyncDisposable {
  /** When its latest connection with media began to play, and where in the sequence. */
  playsSince: number | undefined;
  readonly #finished: Promise<void>;
  #peer: RtmpPeer | undefined;
  #isStopped = false;

  constructor(port: number, stream: string) {
    this.#finished = this.#run(port, stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#peer?.[Symbol.dispose]();
    await this.#finished;
  }

  async #run(port: number, stream: string): Promise<void> {
    while (!this.#isStopped) {
      await this.#play(port, stream).catch(() => {});
      this.playsSince = undefined;
      if (!this.#isStopped) await pause(100);
    }
  }

  async #play(port: number, stream: string): Promise<void> {
    using peer = await RtmpPeer.connect(port);
    this.#peer = peer;
    await peer.say(
      new Script()
        .command(["connect", 1, { app: "live", tcUrl: "rtmp://127.0.0.1/live" }])
        .command(["createStream", 2, null])
        .command(["play", 3, null, stream], { streamId: 1 }),
    );
    while (!peer.isOver) {
      await peer.more();
      if (peer.bytes > SOME_MEDIA) this.playsSince ??= performance.now();
    }
  }
}

async function decide(proxy: Proxy, origin: OriginServer, what: string): Promise<void> {
  const path = `/api/v1/origins/vid-${origin.name}/${what}`;
  const response = await fetch(proxy.systemUrl(path), { method: "POST" });
  assert.equal(response.status, 200, await response.text());
}

async function listed(proxy: Proxy, path: string) {
  return JSON.parse(await fetchText(proxy.systemUrl(`/api/v1/${path}`)));
}

Deno.test({
  name: "10 publishers and 30 viewers of an origin that freezes play elsewhere within 8 s",
  timeout: 120_000,
  async fn() {
    await testFile();
    await using stack = new AsyncDisposableStack();
    const proxy = stack.use(await Proxy.open());
    const victim = await NginxRtmp.open({ name: "victim" });
    const survivor = await NginxRtmp.open({ name: "survivor" });
    for (const origin of [victim, survivor]) {
      stack.use(origin);
      stack.use(await Registration.open([proxy], origin));
    }
    const open = (stream: string) => new Encoder(stream, (name) => proxy.rtmpUrl(name));
    const publishedAt = (origin: OriginServer, count: number) => {
      return until("all published", async () => {
        return (await origin.publishedStreams()).length === count;
      }, { timeout: 20_000 });
    };
    await decide(proxy, victim, "drain");
    stack.use(open("other"));
    await publishedAt(survivor, 1);
    await decide(proxy, victim, "undrain");
    await decide(proxy, survivor, "drain");
    for (const stream of STREAMS) stack.use(open(stream));
    await publishedAt(victim, STREAMS.length);
    await decide(proxy, survivor, "undrain");
    await using viewer = new Viewer(proxy.rtmpUrl("other"));
    const watchers = STREAMS.flatMap((stream) => {
      return Array.from({ length: VIEWERS_EACH }, () => {
        return stack.use(new Watcher(proxy.ports.rtmp, stream));
      });
    });
    const allPlay = (since: number) => () => {
      return watchers.every(({ playsSince = -1 }) => playsSince >= since);
    };
    await until("all to play", allPlay(0), { timeout: 20_000 });
    await viewer.moreVideo(10);

    const frozenAt = performance.now();
    victim.process.signal("SIGSTOP");
    await until("all to play elsewhere", allPlay(frozenAt), { timeout: 20_000 });
    const took = performance.now() - frozenAt;
    await viewer.moreVideo(10);
    assertContiguous(viewer.video, VIDEO_STEP);
    assertContiguous(viewer.audio, AUDIO_STEP);
    assert.ok(took <= RECOVERY, `it took ${Math.round(took)} ms`);

    victim.process.signal("SIGCONT");
    await until("the origin to be back", async () => {
      const { origins } = await listed(proxy, "origins");
      return origins.every(({ state }: { state: string }) => state !== "down");
    });
    await publishedAt(victim, 0);
    const { streams } = await listed(proxy, "streams?live=true");
    const places = new Set(streams.map(({ origin }: { origin: string }) => origin));
    assert.deepEqual([streams.length, places.size], [STREAMS.length + 1, 1]);
    await publishedAt(survivor, STREAMS.length + 1);
  },
});

Deno.test({
  name: "with PROXY_HEALTH_END_SESSIONS=off clients of a frozen origin wait until it answers again",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_HEALTH_END_SESSIONS: "off" });
    await using origin = await NginxRtmp.open({ name: "victim" });
    await using _registration = await Registration.open([proxy], origin);
    await using publisher = await Publisher.publish(proxy.rtmpUrl("show"));
    await using viewer = new Viewer(proxy.rtmpUrl("show"));
    await viewer.moreVideo(10);
    origin.process.signal("SIGSTOP");
    await until("the origin to be down", async () => {
      const { origins } = await listed(proxy, "origins");
      return origins[0].state === "down";
    }, { timeout: 20_000 });
    assert.equal((await listed(proxy, "sessions")).total, 2);
    origin.process.signal("SIGCONT");
    await viewer.moreVideo(50);
    assertContiguous(viewer.video, VIDEO_STEP);
    assert.ok(publisher.process.running);
  },
});
