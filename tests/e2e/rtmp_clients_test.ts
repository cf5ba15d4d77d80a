// Clients with RTMP implementations other than ffmpeg's: librtmp, on which OBS is built, and media
// servers that publish and play as clients.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import {
  findDigest,
  type Hmac,
  signServerBlock,
  signServerEcho,
} from "../../src/protocol/rtmp/digest_handshake.ts";
import { Child } from "../support/child.ts";
import { Publisher, recordedFrames, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous, assertSameFrames } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { sessionsOf } from "../support/sessions.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { pause, until } from "../support/wait.ts";

async function assertSameStream(direct: Viewer, relayed: Viewer): Promise<void> {
  await Promise.all([direct.moreVideo(30), relayed.moreVideo(30)]);
  assertSameFrames(direct.video, relayed.video, 15);
  assertSameFrames(direct.audio, relayed.audio, 30);
  assertContiguous(relayed.video, 101);
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

Deno.test({
  name: "librtmp plays through the proxy what the origin serves",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await using viewer = new Viewer(origin.rtmpUrl("x"));
    await viewer.moreVideo(1);
    await using folder = new TempFolder();
    const file = folder.file("x.flv");
    const args = ["--live", "-r", proxy.rtmpUrl("x"), "-o", file];
    await using player = new Child({ command: "rtmpdump", args });
    await player.until("a recording of some seconds", () => sizeOf(file) > 80_000, 20_000);
    await player.kill();
    await viewer.moreVideo(1);
    const recorded = await recordedFrames(file);
    // The player was ended while writing a frame, so the last one may be truncated.
    assertSameFrames(viewer.video, recorded.of("video").slice(0, -1), 15);
    assertSameFrames(viewer.audio, recorded.of("audio").slice(0, -1), 30);
  },
});

Deno.test({
  name: "ffmpeg and librtmp wait for their stream far longer than the idle timeout",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_IDLE_TIMEOUT: "2s" });
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    await using viewer = new Viewer(proxy.rtmpUrl("x"));
    await using folder = new TempFolder();
    const file = folder.file("x.flv");
    const args = ["--live", "-r", proxy.rtmpUrl("x"), "-o", file];
    await using player = new Child({ command: "rtmpdump", args });
    await until("both players", async () => (await sessionsOf(proxy)).length === 2);
    await pause(5_000);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
    await viewer.moreVideo(5);
    await player.until("a recording", () => sizeOf(file) > 10_000, 20_000);
    await player.kill();
  },
});

Deno.test({
  name: "ffmpeg, which checks the digests of a server of version 3, accepts those of the proxy",
  timeout: 30_000,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const args = ["-v", "error", "-i", `rtmp://127.0.0.1:${port}/live/x`, "-f", "null", "-"];
    await using client = new Child({ command: "ffmpeg", args });
    using connection = await listener.accept();
    const greeting = await readExactly(connection, 1 + 1536);
    const { scheme, digest } = findDigest(greeting.subarray(1), hmac)!;
    const [s1, s2] = [new Uint8Array(1536).fill(77), new Uint8Array(1536).fill(99)];
    signServerBlock(s1, scheme, hmac, [3, 5, 1, 1]);
    signServerEcho(s2, digest, hmac);
    await connection.write(Uint8Array.of(3, ...s1, ...s2));
    const said = await readExactly(connection, 1536 + 30);
    assert.match(
      new TextDecoder("latin1").decode(said.subarray(1536)),
      /connect/,
      client.errorText,
    );
    await client.kill();
  },
});

const hmac: Hmac = (key, ...data) => {
  const hmac = createHmac("sha256", key);
  for (const one of data) hmac.update(one);
  return hmac.digest();
};

async function readExactly(connection: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await connection.read(bytes.subarray(at));
    if (count === null) throw new Error(`Cannot read ${length} bytes: current value is ${at}`);
    at += count;
  }
  return bytes;
}

Deno.test({
  name: "nginx-rtmp pushes its stream through the proxy",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NodeMediaServer.open();
    await using _registration = await Registration.open([proxy], origin);
    const directives = [`push rtmp://127.0.0.1:${proxy.ports.rtmp}/live;`];
    await using edge = await NginxRtmp.open({ name: "edge", directives });
    await using _publisher = await Publisher.publish(edge.rtmpUrl("x"));
    await until("the stream pushed", async () => (await origin.publishedStreams()).includes("x"));
    await using direct = new Viewer(edge.rtmpUrl("x"));
    await using relayed = new Viewer(origin.rtmpUrl("x"));
    await assertSameStream(direct, relayed);
  },
});

Deno.test({
  name: "nginx-rtmp pulls a stream through the proxy",
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NodeMediaServer.open();
    await using _registration = await Registration.open([proxy], origin);
    const directives = [`pull rtmp://127.0.0.1:${proxy.ports.rtmp}/live;`];
    await using edge = await NginxRtmp.open({ name: "edge", directives });
    await using _publisher = await Publisher.publish(origin.rtmpUrl("x"));
    await using direct = new Viewer(origin.rtmpUrl("x"));
    await using relayed = new Viewer(edge.rtmpUrl("x"));
    await assertSameStream(direct, relayed);
  },
});

Deno.test({
  name: "SRS forwards its stream through the proxy",
  ignore: SRS_BIN === undefined,
  timeout: 60_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using origin = await NginxRtmp.open();
    await using _registration = await Registration.open([proxy], origin);
    const vhost = [`forward { enabled on; destination 127.0.0.1:${proxy.ports.rtmp}; }`];
    await using edge = await Srs.open({ name: "edge", vhost });
    await using _publisher = await Publisher.publish(edge.rtmpUrl("x"));
    await until("the stream there", async () => (await origin.publishedStreams()).includes("x"));
    await using direct = new Viewer(edge.rtmpUrl("x"));
    await using relayed = new Viewer(origin.rtmpUrl("x"));
    await assertSameStream(direct, relayed);
  },
});
