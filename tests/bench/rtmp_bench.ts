// RTMP: CPU per relayed gigabyte, compared with a plain byte relay in the same run, time to first
// media, and memory per idle player. Prints a table; run with `deno task bench`. Linux only.

import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Publisher } from "../support/ffmpeg.ts";
import { Child } from "../support/child.ts";
import { freePort } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { until } from "../support/wait.ts";
import { AskedProcess } from "./asked_process.ts";
import { compare, costOf, letRun, median, type Relay, ROUNDS_TEXT, say } from "./comparing.ts";
import { residentBytes } from "./process_figures.ts";
import { IdlePlayer } from "./rtmp_player.ts";

const STREAMS = 10;
const KILOBITS = 6000;
/**
 * Memory that the collector and the allocator return within this time is not a cost of an idle
 * player.
 */
const MEMORY_SETTLE_MS = 40_000;
const IDLE_PLAYERS = 2000;
const FIRST_MEDIA_TRIES = 40;

/** A measured relay that reports what it has moved. */
interface CountingRelay extends Relay {
  moved(): Promise<number>;
}

class PlainRelay implements CountingRelay, AsyncDisposable {
  readonly name = "plain relay";
  readonly port = freePort();
  readonly #process: AskedProcess;

  constructor(originPort: number) {
    this.#process = new AskedProcess("./plain_relay.ts", [this.port, originPort]);
  }

  get pid(): number {
    return this.#process.pid;
  }

  async moved(): Promise<number> {
    return Number(await this.#process.ask());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

class ProxyRelay implements CountingRelay {
  readonly name = "srs-proxy";
  readonly #proxy: Proxy;

  constructor(proxy: Proxy) {
    this.#proxy = proxy;
  }

  get port(): number {
    return this.#proxy.ports.rtmp;
  }

  get pid(): number {
    return this.#proxy.process.pid;
  }

  async moved(): Promise<number> {
    const text = await (await fetch(this.#proxy.systemUrl("/metrics"))).text();
    const lines = [...text.matchAll(/^srs_proxy_rtmp_relay_bytes_total\{.*\} (\d+)$/gm)];
    return lines.reduce((sum, line) => sum + Number(line[1]), 0);
  }
}

/**
 * A noisy picture that really uses the bitrate; a plain test picture compresses to a third of it.
 */
async function noisyFile(): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".flv" });
  const picture = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25,noise=alls=60:allf=t"];
  const rate = [`${KILOBITS}k`, `${KILOBITS}k`, `${KILOBITS / 2}k`];
  const bitrate = ["-b:v", "-maxrate", "-bufsize"].flatMap((name, i) => [name, rate[i]!]);
  const codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"];
  const sound = ["-f", "lavfi", "-i", "sine", "-c:a", "aac", "-b:a", "128k"];
  const { success } = await new Deno.Command("ffmpeg", {
    args: [
      "-y",
      "-loglevel",
      "error",
      ...picture,
      ...sound.slice(0, 4),
      "-t",
      "20",
      ...codec,
      ...bitrate,
      ...sound.slice(4),
      path,
    ],
  }).output();
  if (!success) throw new Error("Cannot prepare the picture");
  return path;
}

/** Reads a stream and discards it, as cheaply as ffmpeg can. */
function reader(url: string): Child {
  const args = ["-hide_banner", "-loglevel", "error", "-i", url, "-c", "copy", "-f", "null", "-"];
  return new Child({ command: "ffmpeg", args });
}

async function publishRound(relay: CountingRelay, file: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < STREAMS; i++) {
    const url = `rtmp://127.0.0.1:${relay.port}/live/${relay.name.replace(" ", "-")}-${i}`;
    stack.use(await Publisher.publish(url, { file }));
  }
  return await costOf(relay, () => relay.moved());
}

async function playRound(relay: CountingRelay, origin: NginxRtmp, file: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < STREAMS; i++) {
    const path = `live/play-${i}`;
    stack.use(await Publisher.publish(`rtmp://127.0.0.1:${origin.rtmpPort}/${path}`, { file }));
    stack.use(reader(`rtmp://127.0.0.1:${relay.port}/${path}`));
  }
  const before = await relay.moved();
  await until("players receive", async () => await relay.moved() - before > 5_000_000);
  return await costOf(relay, () => relay.moved());
}

async function firstMedia(proxy: Proxy, origin: NginxRtmp, file: string): Promise<void> {
  await using _publisher = await Publisher.publish(proxy.rtmpUrl("first"), { file });
  const times: Record<string, number[]> = { proxied: [], direct: [] };
  for (let i = 0; i < FIRST_MEDIA_TRIES; i++) {
    for (
      const [name, port] of [["proxied", proxy.ports.rtmp], ["direct", origin.rtmpPort]] as const
    ) {
      const start = performance.now();
      using _player = await IdlePlayer.open(port, "first", { untilMedia: true });
      times[name]!.push(performance.now() - start);
    }
  }
  const [proxied, direct] = [median(times.proxied!), median(times.direct!)];
  say(
    `connect to first media, median: srs-proxy ${proxied.toFixed(1)} ms, origin itself ` +
      `${direct.toFixed(1)} ms, added ${(proxied - direct).toFixed(1)} ms (bound 5)`,
  );
}

async function idleMemory(proxy: Proxy): Promise<void> {
  using stack = new DisposableStack();
  for (let i = 0; i < 100; i++) stack.use(await IdlePlayer.open(proxy.ports.rtmp, "idle"));
  await letRun(MEMORY_SETTLE_MS);
  const before = residentBytes(proxy.process.pid);
  for (let i = 0; i < IDLE_PLAYERS; i++) stack.use(await IdlePlayer.open(proxy.ports.rtmp, "idle"));
  await letRun(MEMORY_SETTLE_MS);
  const each = (residentBytes(proxy.process.pid) - before) / IDLE_PLAYERS / 1000;
  say(`memory per idle player at ${IDLE_PLAYERS}: ${each.toFixed(1)} KB (bound 60)`);
}

const file = await noisyFile();
await using origin = await NginxRtmp.open();
await using proxy = await Proxy.open({ PROXY_ORIGIN_SERVER_TTL: "1h" });
await sendHeartbeat(proxy, heartbeatOf(origin, "bench"));
await using plain = new PlainRelay(origin.rtmpPort);
await until("plain relay listen", async () => await plain.moved() === 0);
const relays: [CountingRelay, CountingRelay] = [new ProxyRelay(proxy), plain];
say(`${STREAMS} streams of ${KILOBITS / 1000} Mbit/s, ${ROUNDS_TEXT}`);
const only = Deno.args[0];
if (!only || only === "publish") {
  await compare("publish", relays, (relay) => publishRound(relay, file));
}
if (!only || only === "play") {
  await compare("play", relays, (relay) => playRound(relay, origin, file));
}
if (!only || only === "first") await firstMedia(proxy, origin, file);
if (!only || only === "idle") await idleMemory(proxy);
await Deno.remove(file);
