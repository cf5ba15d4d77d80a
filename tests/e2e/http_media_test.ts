// ffmpeg publishes through the proxy; ffprobe and ffmpeg read FLV, TS, HLS and DASH through the
// proxy, and get frame for frame, and file for file, what the origin itself serves.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous, assertSameFrames } from "../support/frames.ts";
import {
  assertSameBodies,
  manifestFiles,
  mediaPlaylist,
  mediaUrl,
  probe,
  withTimestampsOf,
} from "../support/http_media.ts";
import { NginxRtmp, type NginxRtmpOptions } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import type { OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { Srs, SRS_BIN, type SrsOptions } from "../support/srs.ts";
import { until } from "../support/wait.ts";

/**
 * The longest steps between frames, a tenth of a second for video and one AAC frame, in a
 * container's clock.
 */
interface Steps {
  readonly video: number;
  readonly audio: number;
}

const FLV: Steps = { video: 101, audio: 24 };
const TS: Steps = { video: 9_090, audio: 2_160 };
const MP4: Steps = FLV;

async function assertTracks(url: string): Promise<void> {
  const [video, audio, ...more] = await probe(url);
  assert.deepEqual(
    [video?.codec_name, video?.width, video?.height, audio?.codec_name, more],
    ["h264", 320, 180, "aac", []],
  );
}

async function assertFrames(direct: string, relayed: string, longest: Steps): Promise<void> {
  await assertTracks(relayed);
  await using expected = new Viewer(direct);
  await using actual = new Viewer(relayed);
  await Promise.all([expected.moreVideo(30), actual.moreVideo(30)]);
  assertSameFrames(expected.video, actual.video, 15);
  assertSameFrames(expected.audio, withTimestampsOf(expected.audio, actual.audio), 30);
  assertContiguous(actual.video, longest.video);
  assertContiguous(actual.audio, longest.audio);
}

/** A stream served by a proxy and its origin. */
interface Served {
  readonly proxy: Proxy;
  readonly origin: OriginServer;
  /** The path requested from both. */
  readonly path: string;
}

type Assertion = (served: Served) => Promise<void>;

function live(longest: Steps): Assertion {
  return ({ proxy, origin, path }) => {
    return assertFrames(origin.httpUrl(path), mediaUrl(proxy, path), longest);
  };
}

/** Checks the files that a playlist names, segments and keys, and what a player reads from them. */
const hls: Assertion = async ({ proxy, origin, path }) => {
  const { links } = await mediaPlaylist(mediaUrl(proxy, path), 3);
  await assertSameBodies(links, origin);
  await assertFrames(origin.httpUrl(path), mediaUrl(proxy, path), TS);
};

const dash: Assertion = async ({ proxy, origin, path }) => {
  const files = await manifestFiles(mediaUrl(proxy, path), 6);
  await assertSameBodies(files, origin);
  await assertFrames(origin.httpUrl(path), mediaUrl(proxy, path), MP4);
};

function testMedia(
  name: string,
  path: string,
  open: () => Promise<OriginServer>,
  hold: Assertion,
): void {
  Deno.test({
    name: `${name}: what the proxy serves at ${path} is what the origin serves`,
    timeout: 90_000,
    async fn() {
      await using proxy = await Proxy.open();
      await using origin = await open();
      await using _registration = await Registration.open([proxy], origin);
      await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
      await hold({ proxy, origin, path });
    },
  });
}

function nginx(options: NginxRtmpOptions): () => Promise<OriginServer> {
  return () => NginxRtmp.open({ hls: true, dash: true, ...options });
}

const KEYS = { directives: ["hls_keys on;", "hls_fragments_per_key 2;"] };

testMedia("node-media-server", "/live/x.flv", () => NodeMediaServer.open(), live(FLV));
testMedia("nginx-rtmp", "/live/x.m3u8", nginx({}), hls);
testMedia("nginx-rtmp with folders", "/live/x/index.m3u8", nginx({ nested: true }), hls);
testMedia("nginx-rtmp with keys", "/live/x.m3u8", nginx(KEYS), hls);
testMedia("nginx-rtmp", "/live/x.mpd", nginx({}), dash);
testMedia("nginx-rtmp with folders", "/live/x/index.mpd", nginx({ nested: true }), dash);

/** Two SRS that register themselves: the media must come from the one that has the stream. */
function testSrs(path: string, options: Partial<SrsOptions>, hold: Assertion): void {
  Deno.test({
    name: `SRS: what the proxy serves at ${path} is what the origin serves`,
    ignore: SRS_BIN === undefined,
    timeout: 90_000,
    async fn() {
      await using proxy = await Proxy.open();
      const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
      await using first = await Srs.open({ ...options, name: "srs-1", heartbeatUrl });
      await using second = await Srs.open({ ...options, name: "srs-2", heartbeatUrl });
      await until("both SRS registered", async () => {
        return (await registeredOrigins(proxy)).length === 2;
      });
      await using publisher = await Publisher.publish(proxy.rtmpUrl("x"));
      await publisher.hasAudioAtSrs();
      const isOwner = (await first.publishedStreams()).includes("x");
      await hold({ proxy, origin: isOwner ? first : second, path });
    },
  });
}

testSrs("/live/x.flv", {}, live(FLV));
testSrs("/live/x.ts", { remux: "ts" }, live(TS));
testSrs("/live/x.m3u8", {}, hls);
testSrs("/live/x.mpd", { dash: true }, dash);
