// The real peers without the proxy: they must work on their own before a test with the proxy
// between them can prove anything.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "./ffmpeg.ts";
import { assertContiguous, assertSameFrames } from "./frames.ts";
import { NginxRtmp } from "./nginx_rtmp.ts";
import { NodeMediaServer } from "./node_media_server.ts";
import type { OriginServer } from "./origin_server.ts";
import { Srs, SRS_BIN } from "./srs.ts";
import { until } from "./wait.ts";

const AUDIO_STEP = 24;
const VIDEO_STEP = 101;

async function assertServes(origin: OriginServer): Promise<void> {
  assert.deepEqual(await origin.publishedStreams(), []);
  await using publisher = await Publisher.publish(origin.rtmpUrl("picture"));
  await until(
    "the stream listed",
    async () => (await origin.publishedStreams()).includes("picture"),
  );
  await using first = new Viewer(origin.rtmpUrl("picture"));
  await using second = new Viewer(origin.rtmpUrl("picture"));
  await Promise.all([first.moreVideo(15), second.moreVideo(15)]);
  assertSameFrames(first.video, second.video, 8);
  assertSameFrames(first.audio, second.audio, 20);
  assertContiguous(first.video, VIDEO_STEP);
  assertContiguous(first.audio, AUDIO_STEP);
  await publisher.process.kill();
  await until(
    "the stream gone from the list",
    async () => (await origin.publishedStreams()).length === 0,
  );
}

Deno.test({
  name: "nginx-rtmp serves a published stream and lists it",
  timeout: 60_000,
  async fn() {
    await using origin = await NginxRtmp.open();
    await assertServes(origin);
  },
});

Deno.test({
  name: "node-media-server serves a published stream and lists it",
  timeout: 90_000,
  async fn() {
    await using origin = await NodeMediaServer.open();
    await assertServes(origin);
  },
});

Deno.test({
  name: "SRS serves a published stream and lists it",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using origin = await Srs.open({ name: "srs" });
    await assertServes(origin);
  },
});
