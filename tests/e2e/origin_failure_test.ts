// An origin dies or freezes while it has streams: their encoders reach the other origin within two
// seconds of reconnecting, and viewers of the other origin's streams are not affected.

import assert from "node:assert/strict";
import { Encoder } from "../support/encoder.ts";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText, type OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { RtmpPeer } from "../support/rtmp_peer.ts";
import { Script } from "../support/rtmp_script.ts";
import { until } from "../support/wait.ts";

const STREAMS = ["one", "two", "three", "four", "five", "six"];
const RECOVERY = 5_000;
const VIDEO_STEP = 101;
const AUDIO_STEP = 24;

/** An origin with its heartbeat, which ends when the origin fails. */
interface Peer {
  readonly origin: OriginServer;
  readonly registration: Registration;
}

/** What happens to the victim, and what people then do to its encoders. */
type Failure = (victim: OriginServer, encoders: readonly Encoder[]) => Promise<void>;

const killed: Failure = async (victim) => await victim.process.kill();

const frozen: Failure = async (victim, encoders) => {
  victim.process.signal("SIGSTOP");
  await Promise.all(encoders.map((encoder) => encoder.restart()));
};

async function assertSurvives(proxy: Proxy, victim: Peer, survivor: Peer, fail: Failure) {
  await testFile();
  await using stack = new AsyncDisposableStack();
  const encoders = STREAMS.map((stream) => {
    return stack.use(new Encoder(stream, (name) => proxy.rtmpUrl(name)));
  });
  const [lost, kept] = await until("all streams published", async () => {
    const onVictim = await victim.origin.publishedStreams();
    const onSurvivor = await survivor.origin.publishedStreams();
    return onVictim.length + onSurvivor.length === STREAMS.length && [onVictim, onSurvivor];
  }, { timeout: 20_000, describe: () => encoders.map(({ errorText }) => errorText).join("\n") });
  assert.ok(lost!.length > 0 && kept!.length > 0, `the streams are spread ${lost} | ${kept}`);

  await using viewer = new Viewer(proxy.rtmpUrl(kept![0]!));
  await viewer.moreVideo(10);
  const losers = encoders.filter(({ stream }) => lost!.includes(stream));
  const failedAt = performance.now();
  await victim.registration[Symbol.asyncDispose]();
  await fail(victim.origin, losers);
  const recovered = await recoveryTimes(survivor.origin, losers, failedAt);
  await viewer.moreVideo(10);

  assertContiguous(viewer.video, VIDEO_STEP);
  assertContiguous(viewer.audio, AUDIO_STEP);
  assert.deepEqual((await survivor.origin.publishedStreams()).sort(), [...STREAMS].sort());
  for (const [stream, time] of recovered) {
    assert.ok(time <= RECOVERY, `${stream} came back ${Math.round(time)} ms after its retry`);
  }
}

/** Milliseconds from each encoder's first reconnection to its stream being at the survivor. */
async function recoveryTimes(
  survivor: OriginServer,
  encoders: readonly Encoder[],
  failedAt: number,
): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  await until("the lost streams at the other origin", async () => {
    const published = await survivor.publishedStreams();
    const now = performance.now();
    for (const { stream, starts } of encoders) {
      if (times.has(stream) || !published.includes(stream)) continue;
      times.set(stream, now - starts.find((start) => start > failedAt)!);
    }
    return times.size === encoders.length;
  }, { timeout: 20_000, describe: () => encoders.map(({ errorText }) => errorText).join("\n") });
  return times;
}

async function openPeer(proxy: Proxy, origin: OriginServer): Promise<Peer> {
  return { origin, registration: await Registration.open([proxy], origin) };
}

function testFailure(what: string, fail: Failure, victimIsNginx: boolean): void {
  const victimName = victimIsNginx ? "nginx-rtmp" : "node-media-server";
  Deno.test({
    name:
      `${victimName} ${what}: its streams move to the other origin, whose viewers are not affected`,
    timeout: 120_000,
    async fn() {
      await using proxy = await Proxy.open({ PROXY_ORIGIN_DIAL_TIMEOUT: "500ms" });
      await using nginx = await NginxRtmp.open();
      await using nodeMediaServer = await NodeMediaServer.open();
      const first = await openPeer(proxy, nginx);
      await using _first = first.registration;
      const second = await openPeer(proxy, nodeMediaServer);
      await using _second = second.registration;
      const [victim, survivor] = victimIsNginx ? [first, second] : [second, first];
      await assertSurvives(proxy, victim, survivor, fail);
    },
  });
}

testFailure("is killed", killed, true);
testFailure("freezes", frozen, false);

/** A player that sends all its commands at once. */
async function play(proxy: Proxy, stream: string): Promise<RtmpPeer> {
  const player = await RtmpPeer.connect(proxy.ports.rtmp);
  const script = new Script()
    .command(["connect", 1, { app: "live", tcUrl: "rtmp://127.0.0.1/live" }])
    .command(["createStream", 2, null])
    .command(["play", 3, null, stream], { streamId: 1 });
  await player.say(script);
  return player;
}

Deno.test({
  name: "a frozen origin is left, although a dial fails before everything it has sent is counted",
  timeout: 120_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_ORIGIN_DIAL_TIMEOUT: "300ms" });
    await using nginx = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], nginx);
    await using publisher = await Publisher.publish(proxy.rtmpUrl("show"));
    await using viewer = new Viewer(proxy.rtmpUrl("show"));
    await viewer.moreVideo(30);
    nginx.process.signal("SIGSTOP");
    using _player = await play(proxy, "show");
    const ends = Promise.all([viewer.process.end(10_000), publisher.end(10_000)]);
    await until("the origin to be down", async () => {
      const { origins } = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/origins")));
      return origins[0].state === "down";
    }, { timeout: 9_000, describe: () => proxy.process.errorText.slice(-2_000) });
    await ends;
  },
});
