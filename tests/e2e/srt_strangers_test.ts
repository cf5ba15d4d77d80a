// A stranger's SRT handshakes against a live stream at a real SRS: what SRS does not answer, or
// does not survive, moves nothing and reaches no other origin.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { registeredOrigins } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { srtConclusion, srtInduction } from "../support/srt_packets.ts";
import { registerSrt, SRT_ONLY } from "../support/srt_proxy.ts";
import { UdpPeer } from "../support/udp_peer.ts";
import { until } from "../support/wait.ts";
import { parseHandshake } from "../../src/protocol/srt/handshake.ts";

type Fields = Partial<Parameters<typeof srtConclusion>[0]>;

/** What is wrong with each handshake, and the reason its caller is told. */
const CASES: readonly [fields: Fields, answer: number][] = [
  [{ flowWindow: 0 }, 1004],
  [{ mss: 0 }, 1004],
  [{ mss: 20 }, 1004],
  // SRS writes beyond its buffer for these.
  [{ mss: 44 }, 1004],
  [{ mss: 92 }, 1004],
  [{ sequence: 0xffffffff }, 1004],
  [{ extensions: [{ type: 99, data: new Uint8Array(1400) }] }, 1004],
  [{ extensions: [{ type: 3, data: new Uint8Array(1200) }] }, 2406],
  // Valid if the origin accepted such long segments too; SRS does not answer it.
  [{ mss: 9000, extensions: [{ type: 99, data: new Uint8Array(1400) }] }, 2502],
];

async function call(proxy: Proxy, fields: Fields): Promise<number> {
  await using caller = new UdpPeer();
  const { srt } = proxy.ports;
  await caller.send(srtInduction(5), srt);
  const { cookie } = parseHandshake(Uint8Array.from((await caller.next()).bytes));
  const streamId = "#!::r=live/show,m=publish";
  await caller.send(srtConclusion({ socketId: 5, cookie, streamId, ...fields }), srt);
  return parseHandshake(Uint8Array.from((await caller.next()).bytes.slice(0, 64))).type;
}

interface ListedStream {
  readonly stream: string;
  readonly origin: string;
  readonly live: boolean;
  readonly publisher: { readonly session: string };
  readonly viewers: number;
}

/** What of the list of streams does not change by itself. */
async function streamsOf(proxy: Proxy): Promise<readonly unknown[]> {
  const { streams } = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/streams")));
  return streams.map(({ stream, origin, live, publisher: { session }, viewers }: ListedStream) => {
    return { stream, origin, live, session, viewers };
  });
}

Deno.test({
  name: "SRT and a real SRS: a stranger's handshakes move no stream and harm no origin",
  ignore: SRS_BIN === undefined,
  async fn() {
    await using proxy = await Proxy.open(SRT_ONLY);
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    await using srs = await Srs.open({ name: "srs", srt: true, heartbeatUrl });
    await until("SRS register", async () => (await registeredOrigins(proxy)).length === 1);
    await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"));
    await using viewer = new Viewer(proxy.rtmpUrl("show"));
    await viewer.moreVideo(10);
    const before = await streamsOf(proxy);
    await using other = new UdpPeer();
    await registerSrt(proxy, "other", other.port);
    for (const [fields, answer] of CASES) {
      assert.equal(await call(proxy, fields), answer, JSON.stringify(fields));
      assert.deepEqual(await streamsOf(proxy), before);
    }
    const { origins } = JSON.parse(await fetchText(proxy.systemUrl("/api/v1/origins")));
    for (const origin of origins) assert.deepEqual(origin.set_aside_for_ms, {});
    assert.equal(other.waiting, 0, "no other origin was asked");
    assert.deepEqual(await srs.publishedStreams(), ["show"]);
    await viewer.moreVideo(30);
  },
});
