// Playlists and segments where origins put them: in folders of their own, at paths by SRS's
// templates, with the query dropped as by a CDN. Two origins, so that they are not found by chance.

import assert from "node:assert/strict";
import { Publisher } from "../support/ffmpeg.ts";
import { fetchWhole, linksOf, mediaUrl, textOf } from "../support/http_media.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Proxy } from "../support/proxy.ts";
import { RawHttp } from "../support/raw_http.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";

const STREAMS = ["s0", "s1", "s2", "s3", "s4", "s5"];

/** Waits until a playlist has segments. @returns its links without their queries */
async function segments(proxy: Proxy, path: string): Promise<string[]> {
  let url = mediaUrl(proxy, path);
  return await until(`segments in ${path}`, async () => {
    const answer = await fetchWhole(url);
    const links = answer.status === 200 ? linksOf(textOf(answer), url) : [];
    const [first = ""] = links;
    if (first.includes(".m3u8")) url = first;
    const found = links.filter((link) => !link.includes(".m3u8"));
    return found.length > 0 && found.map((link) => link.split("?", 1)[0]!);
  }, { timeout: 30_000 });
}

async function publishAll(proxy: Proxy, stack: AsyncDisposableStack): Promise<void> {
  for (const name of STREAMS) stack.use(await Publisher.publish(proxy.rtmpUrl(name)));
}

async function assertAllFound(proxy: Proxy, pathOf: (stream: string) => string): Promise<void> {
  for (const name of STREAMS) {
    for (const url of await segments(proxy, pathOf(name))) {
      const { status, body } = await fetchWhole(url);
      assert.equal(status, 200, url);
      assert.equal(body[0], 0x47, `${url} is a transport stream`);
    }
  }
}

/** Names of the mapped streams. */
async function knownStreams(proxy: Proxy): Promise<string[]> {
  const answer = textOf(await fetchWhole(proxy.systemUrl("/api/v1/streams")));
  const { streams }: { streams: { stream: string }[] } = JSON.parse(answer);
  return streams.map(({ stream }) => stream.split("/").at(-1)!).sort();
}

for (const nested of [false, true]) {
  Deno.test({
    name: `nginx-rtmp${nested ? " with folders" : ""}: playlists, and segments without a query`,
    timeout: 90_000,
    async fn() {
      await using stack = new AsyncDisposableStack();
      const proxy = stack.use(await Proxy.open());
      for (const name of ["one", "two"]) {
        const origin = stack.use(await NginxRtmp.open({ name, hls: true, nested }));
        stack.use(await Registration.open([proxy], origin));
      }
      await publishAll(proxy, stack);
      await assertAllFound(proxy, (name) => `/live/${name}${nested ? "/index" : ""}.m3u8`);
      const none = nested ? "/live/none/index.m3u8" : "/live/none-7.ts";
      assert.equal((await RawHttp.ask(proxy.ports.httpServer, none)).status, 404);
      // Streams requested in vain are forgotten once the registry is told.
      await until("no others be known", async () => {
        return (await knownStreams(proxy)).join() === STREAMS.join();
      });
    },
  });
}

for (
  const [playlist, segment, path] of [
    ["[app]/[stream].m3u8", "[app]/[stream]-[seq].ts", ".m3u8"],
    ["[app]/[stream]/index.m3u8", "[app]/[stream]/[seq].ts", "/index.m3u8"],
    ["[app]/[stream]/hls.m3u8", "[app]/[stream]/[2006]/[timestamp]-[seq].ts", "/hls.m3u8"],
  ] as const
) {
  Deno.test({
    name: `SRS with ${playlist} and ${segment}: playlists, and segments without a query`,
    ignore: SRS_BIN === undefined,
    timeout: 90_000,
    async fn() {
      await using stack = new AsyncDisposableStack();
      const proxy = stack.use(await Proxy.open({ PROXY_HLS_PATHS: `${playlist},${segment}` }));
      const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
      const hls = [`hls_m3u8_file ${playlist};`, `hls_ts_file ${segment};`];
      for (const name of ["srs-1", "srs-2"]) {
        stack.use(await Srs.open({ name, heartbeatUrl, hls }));
      }
      await until("both SRS registered", async () => {
        return (await registeredOrigins(proxy)).length === 2;
      });
      await publishAll(proxy, stack);
      await assertAllFound(proxy, (name) => `/live/${name}${path}`);
    },
  });
}
