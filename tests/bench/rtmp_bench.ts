// RTMP: CPU per relayed gigabyte beside a plain byte relay in the same run, time to the first
// media, memory per idle player. Prints a table; run with `deno task bench`. Linux only.

import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Publisher } from "../support/ffmpeg.ts";
import { Child } from "../support/child.ts";
import { freePort } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { until } from "../support/wait.ts";
import { IdlePlayer } from "./rtmp_player.ts";
import { cpuSeconds, residentBytes } from "./process_figures.ts";

const STREAMS = 10;
const KILOBITS = 6000;
const ROUND_MS = 12_000;
const WARM_UP_MS = 4000;
const ROUNDS = 2;
const IDLE_PLAYERS = 2000;
const FIRST_MEDIA_TRIES = 40;

/** A relay under measurement: where it listens, what it has used, what it has moved. */
interface Relay {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  moved(): Promise<number>;
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

class PlainRelay implements Relay, AsyncDisposable {
  readonly name = "plain relay";
  readonly port = freePort();
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #questions: WritableStreamDefaultWriter<Uint8Array>;

  constructor(originPort: number) {
    const script = new URL("./plain_relay.ts", import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-net", script, String(this.port), String(originPort)],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#questions = this.#process.stdin.getWriter();
  }

  get pid(): number {
    return this.#process.pid;
  }

  async moved(): Promise<number> {
    await this.#questions.write(new Uint8Array([10]));
    return Number((await this.#lines.read()).value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#lines.cancel();
    await this.#questions.abort().catch(() => {});
    await this.#process.status;
  }
}

class ProxyRelay implements Relay {
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
 * A picture of noise that really takes the bitrate: what is measured is bytes, and a plain test
 * picture compresses to a third of what it was asked for.
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

/** Reads a stream and throws it away, as cheaply as ffmpeg can. */
function reader(url: string): Child {
  const args = ["-hide_banner", "-loglevel", "error", "-i", url, "-c", "copy", "-f", "null", "-"];
  return new Child({ command: "ffmpeg", args });
}

/** CPU seconds per gigabyte over one round with all streams running, the compiler warm. */
async function measure(relay: Relay): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const [cpu, moved] = [cpuSeconds(relay.pid), await relay.moved()];
  await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  const gigabytes = (await relay.moved() - moved) / 1e9;
  return (cpuSeconds(relay.pid) - cpu) / gigabytes;
}

async function publishRound(relay: Relay, file: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < STREAMS; i++) {
    const url = `rtmp://127.0.0.1:${relay.port}/live/${relay.name.replace(" ", "-")}-${i}`;
    stack.use(await Publisher.publish(url, { file }));
  }
  return await measure(relay);
}

async function playRound(relay: Relay, origin: NginxRtmp, file: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  for (let i = 0; i < STREAMS; i++) {
    const path = `live/play-${i}`;
    stack.use(await Publisher.publish(`rtmp://127.0.0.1:${origin.rtmpPort}/${path}`, { file }));
    stack.use(reader(`rtmp://127.0.0.1:${relay.port}/${path}`));
  }
  const before = await relay.moved();
  await until("players receive", async () => await relay.moved() - before > 5_000_000);
  return await measure(relay);
}

async function compare(
  title: string,
  relays: readonly Relay[],
  round: (relay: Relay) => Promise<number>,
): Promise<void> {
  const figures = new Map<string, number[]>();
  for (let i = 0; i < ROUNDS; i++) {
    for (const relay of relays) {
      figures.set(relay.name, [...figures.get(relay.name) ?? [], await round(relay)]);
    }
  }
  const means = relays.map(({ name }) => mean(figures.get(name)!));
  const shown = relays.map(({ name }, i) => `${name} ${means[i]!.toFixed(2)} s/GB`).join(", ");
  say(`${title}: ${shown}, ratio ${(means[0]! / means[1]!).toFixed(2)} (bound 1.30)`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
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
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const before = residentBytes(proxy.process.pid);
  for (let i = 0; i < IDLE_PLAYERS; i++) stack.use(await IdlePlayer.open(proxy.ports.rtmp, "idle"));
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const each = (residentBytes(proxy.process.pid) - before) / IDLE_PLAYERS / 1000;
  say(`memory per idle player at ${IDLE_PLAYERS}: ${each.toFixed(1)} KB (bound 60)`);
}

const file = await noisyFile();
await using origin = await NginxRtmp.open();
await using proxy = await Proxy.open({ PROXY_ORIGIN_SERVER_TTL: "1h" });
await sendHeartbeat(proxy, heartbeatOf(origin, "bench"));
await using plain = new PlainRelay(origin.rtmpPort);
await until("plain relay listen", async () => await plain.moved() === 0);
const relays = [new ProxyRelay(proxy), plain];
say(
  `${STREAMS} streams of ${KILOBITS / 1000} Mbit/s, ${ROUNDS} rounds of ${ROUND_MS / 1000} s each`,
);
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
