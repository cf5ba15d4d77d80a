// The bit rates in the System API, with real clients of known rates, over every protocol and in a
// fleet.

import assert from "node:assert/strict";
import { Browser, WITHOUT_UDP } from "../support/browser.ts";
import { Publisher, testFile, Viewer } from "../support/ffmpeg.ts";
import { mediaPlaylist, mediaUrl } from "../support/http_media.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { NodeMediaServer } from "../support/node_media_server.ts";
import { fetchText } from "../support/origin_server.ts";
import { freePort, freePorts } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { RedisServer } from "../support/redis_server.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import {
  publish,
  sentBytes,
  serve,
  SrtReceiver,
  srtUrl,
  untilListening,
} from "../support/srt_programs.ts";
import { registerSrt } from "../support/srt_proxy.ts";
import { until } from "../support/wait.ts";
import { untilTold } from "../support/web_player.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

const FILE_SECONDS = 60;
/** How much a rate may differ from the real one, relative to it. */
const CLOSE = 0.2;
/** Time for a rate to settle and reach another proxy, milliseconds. */
const SETTLE = 40_000;

interface Rates {
  readonly bit_rate_in: number;
  readonly bit_rate_out: number;
}

interface SessionRates extends Rates {
  readonly protocol: string;
  readonly intent: string;
  readonly transport?: string;
  readonly bytes_in: number;
  readonly bytes_out: number;
}

interface Seen {
  readonly sessions: readonly SessionRates[];
  readonly streams: readonly Rates[];
  readonly origins: readonly Rates[];
}

/** Everything that a proxy shows. */
async function ratesOf(proxy: Proxy): Promise<Seen> {
  const ask = async (name: keyof Seen) => {
    return JSON.parse(await fetchText(proxy.systemUrl(`/api/v1/${name}`)))[name];
  };
  const [sessions, streams, origins] = await Promise.all([
    ...[ask("sessions"), ask("streams"), ask("origins")],
  ]);
  return { sessions, streams, origins };
}

function isNear(rate: number | undefined, wanted: number): boolean {
  return rate !== undefined && Math.abs(rate - wanted) <= CLOSE * wanted;
}

/** Waits until a proxy shows what is expected. */
async function untilSeen(
  what: string,
  proxy: Proxy,
  look: (seen: Seen) => boolean | Promise<boolean>,
): Promise<void> {
  let seen: Seen | undefined;
  await until(what, async () => await look(seen = await ratesOf(proxy)), {
    timeout: SETTLE,
    interval: 200,
    describe: () => JSON.stringify(seen),
  });
}

/** Whether there is a session of that kind with the expected rate. */
function hasSession(
  { sessions }: Seen,
  [intent, protocol]: readonly [intent: string, protocol: string],
  rate: number,
): boolean {
  const session = sessions.find((one) => one.protocol === protocol && one.intent === intent);
  if (session === undefined) return false;
  const isPublisher = intent === "publish";
  const bytes = isPublisher ? session.bytes_in : session.bytes_out;
  return bytes > 0 && isNear(isPublisher ? session.bit_rate_in : session.bit_rate_out, rate);
}

/** A file and its bit rate. */
async function fileToPublish(): Promise<{ readonly file: string; readonly real: number }> {
  const file = await testFile({ kilobits: 800 });
  return { file, real: (await Deno.stat(file)).size * 8 / FILE_SECONDS };
}

Deno.test("two proxies: rates over RTMP and FLV are correct, also for the fleet", async () => {
  await using redis = await RedisServer.open();
  const variables = {
    PROXY_LOAD_BALANCER_TYPE: "redis",
    PROXY_REDIS_PORT: String(redis.port),
  };
  const [a, b] = await Promise.all([Proxy.open(variables), Proxy.open(variables)]);
  await using _a = a;
  await using _b = b;
  await using origin = await NodeMediaServer.open({ name: "nms" });
  await using _registration = await Registration.open([a], origin);
  for (const proxy of [a, b]) {
    await until("the origin", async () => (await registeredOrigins(proxy)).length === 1);
  }
  const { file, real } = await fileToPublish();
  await using _publisher = await Publisher.publish(a.rtmpUrl("show"), { file });
  await using _atA = new Viewer(a.rtmpUrl("show"));
  const atB = new Viewer(mediaUrl(b, "/live/show.flv"));
  await using _atB = atB;
  await Promise.all([
    untilSeen("the sessions of one", a, (seen) => {
      return hasSession(seen, ["publish", "rtmp"], real) &&
        hasSession(seen, ["play", "rtmp"], real);
    }),
    untilSeen("the session of the other", b, (seen) => hasSession(seen, ["play", "http"], real)),
    ...[a, b].map((proxy) =>
      untilSeen("the fleet's rates", proxy, ({ streams, origins }) => {
        return [streams, origins].every(([first, ...others]) => {
          return others.length === 0 && isNear(first?.bit_rate_in, real) &&
            isNear(first?.bit_rate_out, 2 * real);
        });
      })
    ),
  ]);
  await atB.process.kill();
  await untilSeen("what is left", a, ({ streams: [stream], origins: [served] }) => {
    return isNear(stream?.bit_rate_out, real) && isNear(served?.bit_rate_out, real);
  });
});

Deno.test("playlists and segments count towards the rates of their stream and origin", async () => {
  await using proxy = await Proxy.open();
  await using origin = await NginxRtmp.open({ name: "nginx", hls: true });
  await using _registration = await Registration.open([proxy], origin);
  const { file, real } = await fileToPublish();
  await using _publisher = await Publisher.publish(proxy.rtmpUrl("show"), { file });
  const playlist = mediaUrl(proxy, "/live/show.m3u8");
  await mediaPlaylist(playlist, 3);
  await using _player = new Viewer(playlist);
  await untilSeen("the rates", proxy, (seen) => {
    const { sessions, streams: [stream], origins: [served] } = seen;
    return sessions.length === 1 && hasSession(seen, ["publish", "rtmp"], real) &&
      isNear(stream?.bit_rate_out, real) && isNear(served?.bit_rate_out, real);
  });
});

for (const intent of ["publish", "play"]) {
  Deno.test(`rates over SRT are correct: ${intent}`, async () => {
    const file = await testFile({ kilobits: 800 });
    const seconds = 10;
    const real = (await sentBytes(file, seconds)).length * 8 / seconds;
    await using proxy = await Proxy.open();
    await using stack = new AsyncDisposableStack();
    const long = { file, seconds: FILE_SECONDS };
    if (intent === "publish") {
      const { receiver, port } = SrtReceiver.listen({ latency: 200 });
      stack.use(receiver);
      await untilListening(port);
      await registerSrt(proxy, "o", port);
      const url = srtUrl(proxy.ports.srt, { latency: 200_000 });
      stack.use(publish(url, "#!::r=live/show,m=publish", long));
    } else {
      const port = freePort();
      stack.use(serve(port, file, { ...long, options: { latency: 200_000 } }));
      await untilListening(port);
      await registerSrt(proxy, "o", port);
      const url = srtUrl(proxy.ports.srt, { latency: 200, streamid: "live/show" });
      stack.use(SrtReceiver.open(url));
    }
    const side = intent === "publish" ? "bit_rate_in" : "bit_rate_out";
    await untilSeen("the rates", proxy, (seen) => {
      const { streams: [stream], origins: [origin] } = seen;
      return hasSession(seen, [intent, "srt"], real) && isNear(stream?.[side], real) &&
        isNear(origin?.[side], real);
    });
  });
}

for (const transport of ["udp", "tcp"]) {
  Deno.test({
    name: `rates over WebRTC match the browser's: ${transport}`,
    ignore: !WERIFT_RUNS,
    async fn() {
      const [port] = freePorts(1);
      const ports = transport === "tcp" ? { PROXY_WEBRTC_TCP_SERVER: `127.0.0.1:${port}` } : {};
      await using proxy = await Proxy.open({ PROXY_WEBRTC_CANDIDATE: "127.0.0.1", ...ports });
      await using origin = await WeriftOrigin.open();
      await using _registration = await Registration.open([proxy], origin);
      await using browser = await Browser.open(transport === "tcp" ? WITHOUT_UDP : []);
      const { page, errors } = await browser.openPage(mediaUrl(proxy, "/publish"));
      await page.getByLabel("Stream", { exact: true }).fill("live/show");
      await page.getByRole("radio", { name: "Camera" }).check();
      await page.getByRole("button", { name: "Publish" }).click();
      await untilTold(page, "Publishing live/show");
      const player = await browser.openPage(mediaUrl(proxy, "/?format=webrtc#live/show"));
      const shown = async () => {
        const text = await page.locator("[data-measure=bitrate]").innerText();
        const [, number, unit] = /^([\d.]+) ([kM])bit\/s$/.exec(text) ?? [];
        return Number(number) * (unit === "M" ? 1e6 : 1e3);
      };
      await untilSeen("the browser's rate", proxy, async (seen) => {
        const told = await shown();
        const [stream] = seen.streams;
        return seen.sessions.every((session) => session.transport === transport) &&
          hasSession(seen, ["publish", "rtc"], told) && hasSession(seen, ["play", "rtc"], told) &&
          isNear(stream?.bit_rate_in, told) && isNear(stream?.bit_rate_out, told);
      });
      assert.deepEqual([errors, player.errors], [[], []]);
    },
  });
}
