// Many publishers and viewers through the proxy with two real origins: every stream has one origin,
// and a viewer gets frame for frame what the origin itself serves.

import assert from "node:assert/strict";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { assertSameFrames } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import type { OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";

const STREAMS = Array.from({ length: 20 }, (_, index) => `stream-${index}`);
const STREAMS_AT_ONCE = 10;
const VIDEO_FRAMES = 20;
const AUDIO_FRAMES = 40;

/** Which origin has which streams, as told by the origins. */
async function ownersOf(origins: readonly OriginServer[]): Promise<Map<string, OriginServer>> {
  const owners = new Map<string, OriginServer>();
  for (const origin of origins) {
    for (const stream of await origin.publishedStreams()) {
      const other = owners.get(stream);
      assert.equal(other, undefined, `${stream} is on ${other?.name} and on ${origin.name}`);
      owners.set(stream, origin);
    }
  }
  return owners;
}

async function assertStreamArrives(proxy: Proxy, origin: OriginServer, stream: string) {
  await using direct = new Viewer(origin.rtmpUrl(stream));
  await using relayed = new Viewer(proxy.rtmpUrl(stream));
  await Promise.all([direct.moreVideo(30), relayed.moreVideo(30)]);
  assertSameFrames(direct.video, relayed.video, VIDEO_FRAMES);
  assertSameFrames(direct.audio, relayed.audio, AUDIO_FRAMES);
}

async function assertAllStreamsArrive(proxy: Proxy, origins: readonly OriginServer[]) {
  await testFile();
  await using publishers = new AsyncDisposableStack();
  await Promise.all(STREAMS.map(async (stream) => {
    publishers.use(await Publisher.publish(proxy.rtmpUrl(stream)));
  }));
  const owners = await until("all streams at the origins", async () => {
    const found = await ownersOf(origins);
    return found.size === STREAMS.length && found;
  });
  assert.deepEqual([...owners.keys()].sort(), [...STREAMS].sort());
  const used = new Set([...owners.values()].map(({ name }) => name));
  assert.equal(used.size, origins.length, `only ${[...used]} got streams`);
  for (let at = 0; at < STREAMS.length; at += STREAMS_AT_ONCE) {
    const batch = STREAMS.slice(at, at + STREAMS_AT_ONCE);
    await Promise.all(batch.map((stream) => {
      return assertStreamArrives(proxy, owners.get(stream)!, stream);
    }));
  }
  assert.deepEqual(await ownersOf(origins), owners, "streams have moved without a reason");
}

Deno.test({
  name: "twenty streams over nginx-rtmp and node-media-server arrive frame for frame",
  timeout: 180_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using nginx = await NginxRtmp.open();
    await using nodeMediaServer = await NodeMediaServer.open();
    await using _nginx = await Registration.open([proxy], nginx);
    await using _nodeMediaServer = await Registration.open([proxy], nodeMediaServer);
    await assertAllStreamsArrive(proxy, [nginx, nodeMediaServer]);
  },
});

Deno.test({
  name: "twenty streams over two SRS that register themselves arrive frame for frame",
  ignore: SRS_BIN === undefined,
  timeout: 180_000,
  async fn() {
    const token = "of-this-test";
    await using proxy = await Proxy.open({ PROXY_REGISTER_TOKEN: token });
    const heartbeatUrl = proxy.systemUrl(`/api/v1/srs/register/${token}`);
    await using first = await Srs.open({ name: "srs-1", heartbeatUrl });
    await using second = await Srs.open({ name: "srs-2", heartbeatUrl });
    await until("both SRS registered", async () => {
      return (await registeredOrigins(proxy)).length === 2;
    });
    await assertAllStreamsArrive(proxy, [first, second]);
  },
});
