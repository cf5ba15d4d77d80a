// Two proxies that share nothing but their origins, and players whose requests alternate between
// them, as behind a load balancer without session affinity. Only the first playlist comes from the
// proxy that has the stream; everything else must be found by the spbhid in its links.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous, assertSameFrames } from "../support/frames.ts";
import { fetchWhole, mediaPlaylist, mediaUrl, withTimestampsOf } from "../support/http_media.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import type { OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";

const VIDEO_STEP = 9_090;
const AUDIO_STEP = 2_160;

/** A request passed on to a proxy. */
interface Passed {
  readonly proxy: Proxy;
  readonly target: string;
  readonly status: number;
}

/**
 * Sends requests with an spbhid to two proxies in turn, for each kind of file, and all others to
 * the first.
 */
class Turns implements AsyncDisposable {
  readonly passed: Passed[] = [];
  readonly #proxies: readonly [Proxy, Proxy];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #counts = new Map<string, number>();

  constructor(proxies: readonly [Proxy, Proxy]) {
    this.#proxies = proxies;
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => undefined };
    this.#server = Deno.serve(options, (request) => this.#pass(new URL(request.url)));
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#server.addr.port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #pass({ pathname, search }: URL): Promise<Response> {
    const proxy = this.#proxies[search.includes("spbhid=") ? this.#turn(pathname) : 0]!;
    const target = `${pathname}${search}`;
    const { status, headers, body } = await fetchWhole(mediaUrl(proxy, target));
    this.passed.push({ proxy, target, status });
    return new Response(body, { status, headers });
  }

  /** Segments of a stream are one kind of file, its playlists another. */
  #turn(path: string): 0 | 1 {
    const kind = path.replace(/-\d+\.ts$/, ".ts");
    const count = this.#counts.get(kind) ?? 0;
    this.#counts.set(kind, count + 1);
    return count % 2 === 0 ? 1 : 0;
  }
}

async function assertSession(turns: Turns, origin: OriginServer, path: string): Promise<void> {
  // ffmpeg starts three segments before the end of a live playlist.
  await mediaPlaylist(origin.httpUrl(path), 3);
  await using direct = new Viewer(origin.httpUrl(path));
  await using relayed = new Viewer(turns.url(path));
  await Promise.all([direct.moreVideo(60), relayed.moreVideo(60)]);
  assertSameFrames(direct.video, relayed.video, 30);
  assertSameFrames(direct.audio, withTimestampsOf(direct.audio, relayed.audio), 60);
  assertContiguous(relayed.video, VIDEO_STEP);
  assertContiguous(relayed.audio, AUDIO_STEP);
}

/** Asserts that both proxies have had a share of these requests. */
function assertShared(passed: readonly Passed[], proxies: readonly Proxy[], what: RegExp): void {
  for (const proxy of proxies) {
    const share = passed.filter((one) => one.proxy === proxy && what.test(one.target));
    assert.ok(share.length >= 2, `one of the proxies had ${share.length} requests for ${what}`);
  }
}

/** Publishes streams through a proxy until each origin has one. @returns the stream of each */
async function publishToEach(
  proxy: Proxy,
  origins: readonly OriginServer[],
  publishers: AsyncDisposableStack,
): Promise<Map<OriginServer, string>> {
  const streams = new Map<OriginServer, string>();
  for (let at = 0; streams.size < origins.length; at++) {
    assert.ok(at < 10, "the streams are all on one origin");
    const stream = `show-${at}`;
    publishers.use(await Publisher.publish(proxy.rtmpUrl(stream)));
    const owner = await until("the stream at an origin", async () => {
      for (const origin of origins) {
        if ((await origin.publishedStreams()).includes(stream)) return origin;
      }
      return undefined;
    });
    streams.set(owner, stream);
  }
  return streams;
}

/** @param files the files of a stream that must come from both proxies */
async function assertServedInTurns(
  origins: readonly OriginServer[],
  files: (stream: string) => RegExp[],
): Promise<void> {
  await using one = await Proxy.open();
  await using other = await Proxy.open();
  await using stack = new AsyncDisposableStack();
  for (const origin of origins) stack.use(await Registration.open([one, other], origin));
  const streams = await publishToEach(one, origins, stack);
  await using turns = new Turns([one, other]);
  await Promise.all([...streams].map(async ([origin, stream]) => {
    await assertSession(turns, origin, `/live/${stream}.m3u8`);
    for (const file of files(stream)) assertShared(turns.passed, [one, other], file);
  }));
  assert.deepEqual(turns.passed.filter(({ status }) => status !== 200), []);
}

const segments = (stream: string) => new RegExp(`/${stream}-\\d+\\.ts\\?`);
const playlists = (stream: string) => new RegExp(`/${stream}\\.m3u8\\?.*hls_ctx=`);

Deno.test({
  name: "two proxies in turn serve the HLS sessions of streams on two nginx-rtmp",
  timeout: 90_000,
  async fn() {
    await using first = await NginxRtmp.open({ name: "nginx-1", hls: true });
    await using second = await NginxRtmp.open({ name: "nginx-2", hls: true });
    await assertServedInTurns([first, second], (stream) => [segments(stream)]);
  },
});

Deno.test({
  name: "two proxies in turn serve the HLS sessions of streams on two SRS, playlists and all",
  ignore: SRS_BIN === undefined,
  timeout: 90_000,
  async fn() {
    await using first = await Srs.open({ name: "srs-1" });
    await using second = await Srs.open({ name: "srs-2" });
    await assertServedInTurns([first, second], (stream) => [segments(stream), playlists(stream)]);
  },
});
