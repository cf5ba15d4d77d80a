// A stream is the same whatever host names it: published by an address or over SRT, played by names
// that no origin has configured, over every protocol, with two origins of which one has it.

import assert from "node:assert/strict";
import { Browser } from "../support/browser.ts";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { fetchText } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { RawBody, RawHttp, requestText } from "../support/raw_http.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { publish, SrtReceiver, srtUrl } from "../support/srt_programs.ts";
import { until } from "../support/wait.ts";
import { untilTold } from "../support/web_player.ts";

/** Enough that choosing the origin at random would be wrong at least once. */
const STREAMS = ["s0", "s1", "s2", "show"];
const NAMES = ["tv.example.org", "cdn.example.net"];

interface Listed {
  readonly stream: string;
  readonly origin: string;
  readonly intent?: string;
}

async function listed(proxy: Proxy, what: "sessions" | "streams"): Promise<readonly Listed[]> {
  return JSON.parse(await fetchText(proxy.systemUrl(`/api/v1/${what}`)))[what];
}

async function untilPlaylist(proxy: Proxy, stream: string, host: string): Promise<void> {
  await until(`the playlist of ${stream} by ${host}`, async () => {
    const { httpServer } = proxy.ports;
    const { status, body } = await RawHttp.ask(httpServer, `/live/${stream}.m3u8`, { host });
    return status === 200 && body.includes("#EXTM3U");
  }, { timeout: 20_000 });
}

Deno.test({
  name: "published by an address, played by names that are not vhosts: one stream",
  timeout: 90_000,
  async fn() {
    await using proxy = await Proxy.open();
    await using one = await NginxRtmp.open({ name: "one", hls: true });
    await using two = await NginxRtmp.open({ name: "two", hls: true });
    await using _one = await Registration.open([proxy], one);
    await using _two = await Registration.open([proxy], two);
    await using stack = new AsyncDisposableStack();
    for (const stream of STREAMS) stack.use(await Publisher.publish(proxy.rtmpUrl(stream)));
    const name = NAMES[0]!;
    for (const stream of STREAMS) {
      const viewer = stack.use(new Viewer(proxy.rtmpUrl(`${stream}?vhost=${name}`)));
      await viewer.moreVideo(3);
      for (const host of NAMES) await untilPlaylist(proxy, stream, host);
    }
    const keys = (await listed(proxy, "streams")).map(({ stream }) => stream).toSorted();
    assert.deepEqual(keys, STREAMS.map((stream) => `__defaultVhost__/live/${stream}`));
    const players = (await listed(proxy, "sessions")).filter(({ intent }) => intent === "play");
    assert.deepEqual(
      players.map(({ stream }) => stream).toSorted(),
      STREAMS.map((stream) => `${name}/live/${stream}`),
      "sessions show the vhost that the client has said",
    );
    assert.equal(await one.publishedStreams().then(({ length }) => length), 2);
  },
});

Deno.test({
  name: "hosts named in PROXY_VHOSTS have streams of their own",
  timeout: 60_000,
  async fn() {
    const own = "a.tv.example.com";
    await using proxy = await Proxy.open({ PROXY_VHOSTS: "v.example.com,*.tv.example.com" });
    await using one = await NginxRtmp.open({ name: "one" });
    await using two = await NginxRtmp.open({ name: "two" });
    await using _one = await Registration.open([proxy], one);
    await using _two = await Registration.open([proxy], two);
    await using _default = await Publisher.publish(proxy.rtmpUrl("x"));
    await using _named = await Publisher.publish(proxy.rtmpUrl(`x?vhost=${own}`));
    const keys = (await listed(proxy, "streams")).map(({ stream }) => stream).toSorted();
    assert.deepEqual(keys, ["__defaultVhost__/live/x", `${own}/live/x`]);
    assert.deepEqual([await one.publishedStreams(), await two.publishedStreams()], [["x"], ["x"]]);
  },
});

Deno.test({
  name: "SRS: published by an address and over SRT, played by names over every protocol",
  ignore: SRS_BIN === undefined,
  timeout: 120_000,
  async fn() {
    await using proxy = await Proxy.open({ PROXY_WEBRTC_CANDIDATE: "127.0.0.1" });
    const heartbeatUrl = proxy.systemUrl("/api/v1/srs/register");
    const options = { srt: true, rtc: true, heartbeatUrl };
    await using _one = await Srs.open({ name: "srs-1", ...options });
    await using _two = await Srs.open({ name: "srs-2", ...options });
    await until("both SRS registered", async () => (await registeredOrigins(proxy)).length === 2);
    const file = await testFile();
    const [name, other] = NAMES;
    const srt = srtUrl(proxy.ports.srt, { latency: 200 });
    await using stack = new AsyncDisposableStack();
    for (const stream of ["s0", "s1"]) stack.use(await Publisher.publish(proxy.rtmpUrl(stream)));
    for (const stream of ["s2", "show"]) {
      stack.use(publish(srt, `#!::h=${name},r=live/${stream},m=publish`, { file, seconds: 60 }));
    }
    await using browser = await Browser.open();
    for (const stream of STREAMS) {
      await flvComes(proxy, stream, other!);
      await using viewer = new Viewer(proxy.rtmpUrl(`${stream}?vhost=${other}`));
      await viewer.moreVideo(3);
      await untilPlaylist(proxy, stream, other!);
    }
    const play = `http://127.0.0.1:${proxy.ports.httpServer}/?format=webrtc`;
    const { page } = await browser.openPage(`${play}#live/show?vhost=${other}`);
    await untilTold(page, `Playing live/show?vhost=${other}`);
    for (const stream of ["s2", "show"]) {
      const streamid = `#!::h=${other},r=live/${stream},m=request`;
      await using receiver = SrtReceiver.open(
        srtUrl(proxy.ports.srt, { latency: 200, streamid }),
      );
      await until(`SRT play ${stream}`, () => receiver.size() > 20_000);
    }
    const keys = (await listed(proxy, "streams")).map(({ stream }) => stream).toSorted();
    assert.deepEqual(keys, STREAMS.map((stream) => `__defaultVhost__/live/${stream}`));
  },
});

async function flvComes(proxy: Proxy, stream: string, host: string): Promise<void> {
  using client = await RawHttp.connect(proxy.ports.httpServer);
  await client.send(requestText(`/live/${stream}.flv`, { host }));
  const head = await client.head();
  assert.equal(head.status, 200, `${stream} by ${host}`);
  await new RawBody(client, head).atLeast(20_000, () => {});
}
