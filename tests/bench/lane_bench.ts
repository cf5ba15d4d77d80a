// Lanes: the cost of a byte, an idle client, a new stream and an additional lane, compared with
// nginx and a plain relay in C in the same run, in turns. Run with `deno task bench:lanes [part]
// [seconds] [load]`; needs gcc and nginx with its stream module. Linux only.

import { bundleLane } from "../../scripts/compile.ts";
import { freePort, freePorts } from "../support/ports.ts";
import { Proxy } from "../support/proxy.ts";
import { heartbeatOf, sendHeartbeat } from "../support/register.ts";
import { letRun, median, say } from "./comparing.ts";
import { NginxRelay } from "./nginx_relay.ts";
import { residentBytes } from "./process_figures.ts";
import { pin } from "./scheduling.ts";
import { type TcpFigures, type TcpLoadOptions, TcpPrograms } from "./tcp_load.ts";
import { type Contender, ratioOf, ratioText, takeTurns, type Turn } from "./turns.ts";

const PARTS = ["cost", "idle", "rest", "first", "full"] as const;
const [only, seconds = "20", wanted = ""] = Deno.args;
/** For each relay. */
const SECONDS = Number(seconds);
const RELAY_CORE = "0";
const LOAD_CORE = "1";
const WARM_UP_MS = 3_000;
const BUNDLED_PROGRAM = `${import.meta.dirname}/bundled_program.ts`;
const IDLE = 5_000;
const FIRST_IDLE = 200;
const MEMORY_SETTLE_MS = 15_000;

type Kind = Omit<TcpLoadOptions, "relayPort" | "originPort">;

const RTMP = { count: 20, bytes: 30_000, interval: 40_000, rate: 1000 };
const FLV = { mode: "flv", count: 40, chunk: 60_000, rate: 1000 } as const;
/** The bound is for the proxy's cost relative to nginx's. */
const LOADS: readonly { name: string; bound: number; kind: Kind }[] = [
  {
    name: "RTMP publish, 20 × 6 Mbit/s in chunks of 60,000 bytes, as ffmpeg sends them to SRS",
    bound: 1.15,
    kind: { mode: "publish", chunk: 60_000, ...RTMP },
  },
  {
    name: "RTMP publish, 20 × 6 Mbit/s in chunks of 4,096 bytes, as ffmpeg sends them to nginx",
    bound: 1.15,
    kind: { mode: "publish", chunk: 4_096, ...RTMP },
  },
  {
    name: "RTMP play, 20 × 6 Mbit/s in whole pictures",
    bound: 1.15,
    kind: { mode: "play", chunk: 60_000, ...RTMP },
  },
  {
    name: "FLV, 40 × 8 Mbit/s in whole pictures",
    bound: 0.63,
    kind: { ...FLV, bytes: 40_000, interval: 40_000 },
  },
  {
    name: "FLV, 40 × 8 Mbit/s in pieces of 5,000 bytes",
    bound: 0.63,
    kind: { ...FLV, bytes: 5_000, interval: 5_000 },
  },
];

/** A measured relay: where its two protocols listen, and its process. */
interface TcpRelay {
  readonly name: string;
  readonly pid: number;
  readonly rtmp: number;
  readonly http: number;
  readonly originPort: number;
}

const originPort = freePort();

async function openProxy(lanes: number, program?: string): Promise<Proxy> {
  const variables = {
    PROXY_LANES: String(lanes),
    PROXY_ORIGIN_SERVER_TTL: "1h",
    PROXY_MAX_CONNECTIONS_PER_ADDRESS: "20000",
    PROXY_IDLE_TIMEOUT: "1h",
  };
  const proxy = await Proxy.open(variables, undefined, { program });
  const origin = { name: "bench", rtmpPort: originPort, httpPort: originPort };
  await sendHeartbeat(proxy, heartbeatOf(origin, "bench"));
  return proxy;
}

function relayOf(proxy: Proxy): TcpRelay {
  const { rtmp, httpServer: http } = proxy.ports;
  return { name: "srs-proxy", pid: proxy.process.pid, rtmp, http, originPort };
}

function optionsFor({ rtmp, http, originPort }: TcpRelay, kind: Kind): TcpLoadOptions {
  return { ...kind, relayPort: kind.mode.includes("flv") ? http : rtmp, originPort };
}

/** Runs every kind of load through all relays, in turns. */
async function costs(programs: TcpPrograms): Promise<void> {
  await using proxy = await openProxy(1);
  const [nginxOrigin, plainOrigin, plainPort] = freePorts(3) as [number, number, number];
  await using nginx = await NginxRelay.open(nginxOrigin);
  await using plain = await programs.relay(plainPort, plainOrigin);
  const { streamPort: rtmp, httpPort: http, process: { pid } } = nginx;
  const relays: readonly TcpRelay[] = [
    relayOf(proxy),
    { name: "nginx", pid, rtmp, http, originPort: nginxOrigin },
    { name: "C", pid: plain.pid, rtmp: plainPort, http: plainPort, originPort: plainOrigin },
  ];
  for (const { pid } of relays) await pin(pid, RELAY_CORE);
  for (const relay of relays) {
    for (const mode of ["publish", "flv"] as const) await warmUp(programs, relay, mode);
  }
  for (const { name, bound, kind } of LOADS.filter(({ name }) => name.includes(wanted))) {
    await using stack = new AsyncDisposableStack();
    const contenders: Contender<TcpFigures>[] = [];
    for (const relay of relays) {
      const options = optionsFor(relay, kind);
      contenders.push(await programs.contender(stack, relay.pid, options, LOAD_CORE));
    }
    const turns = await takeTurns(contenders, SECONDS);
    say(name);
    for (const [at, relay] of relays.entries()) showCost(relay.name, turns[at]!);
    const [ours, theirs] = turns;
    say(`  of nginx   ${ratioText(ratioOf(ours!, theirs!))} (bound ${bound})`);
  }
}

/** Lets the JIT compiler warm up, because a lane runs for weeks. */
async function warmUp(programs: TcpPrograms, relay: TcpRelay, mode: "publish" | "flv") {
  const kind = { mode, count: 8, bytes: 4_000, interval: 0, chunk: 60_000, rate: 1000 };
  await using load = programs.load(optionsFor(relay, kind), LOAD_CORE);
  await load.opened();
  await letRun(WARM_UP_MS);
}

function showCost(name: string, turns: readonly Turn<TcpFigures>[]): void {
  const costs = turns.map(({ cost }) => cost * 1e9);
  const of = (key: "p50" | "p99") => median(turns.map((turn) => turn[key]));
  const skipped = turns.reduce((sum, turn) => sum + turn.skipped, 0);
  say(
    `  ${name.padEnd(10)} ${median(costs).toFixed(2)} s/GB (${Math.min(...costs).toFixed(2)} to ` +
      `${Math.max(...costs).toFixed(2)} in ${costs.length} turns), latency p50 ${of("p50")} p99 ` +
      `${of("p99")} ms${skipped > 0 ? `, ${skipped} skipped` : ""}`,
  );
}

/** Measures resident memory per idle client. */
async function idleMemory(programs: TcpPrograms): Promise<void> {
  for (const mode of ["idle_play", "idle_flv"] as const) {
    await using proxy = await openProxy(1);
    const relay = relayOf(proxy);
    const kind = { mode, bytes: 100, interval: 0, chunk: 60_000, rate: 500 };
    {
      // Memory that a first crowd leaves behind must not count.
      await using first = programs.load(optionsFor(relay, { ...kind, count: FIRST_IDLE }));
      await first.opened();
    }
    await letRun(MEMORY_SETTLE_MS);
    const before = residentBytes(relay.pid);
    await using load = programs.load(optionsFor(relay, { ...kind, count: IDLE }));
    await load.opened();
    const at = (bytes: number) => ((bytes - before) / IDLE / 1000).toFixed(1);
    const first = at(residentBytes(relay.pid));
    await letRun(MEMORY_SETTLE_MS);
    const later = at(residentBytes(relay.pid));
    await letRun(2 * MEMORY_SETTLE_MS);
    const last = at(residentBytes(relay.pid));
    say(
      `${mode}: ${IDLE} clients, ${first} KB resident each at once, ${later} KB after ` +
        `${MEMORY_SETTLE_MS / 1000} s, ${last} KB after ${3 * MEMORY_SETTLE_MS / 1000} s ` +
        `(bound 12; ${(before / 1e6).toFixed(0)} MB before)`,
    );
  }
}

/**
 * Measures the memory of each additional lane at rest, in the executable or with the same bundle.
 */
async function laneMemory(): Promise<void> {
  await bundleLane("dist/workers");
  const program = Deno.env.get("SRS_PROXY_BIN") ? undefined : BUNDLED_PROGRAM;
  const resident: number[] = [];
  const counts = [1, 5];
  for (const lanes of counts) {
    await using proxy = await openProxy(lanes, program);
    await letRun(MEMORY_SETTLE_MS);
    resident.push(residentBytes(proxy.process.pid));
  }
  const each = (resident[1]! - resident[0]!) / (counts[1]! - counts[0]!) / 1e6;
  say(`each further lane: ${each.toFixed(1)} MB resident at rest (bound 15)`);
}

/** Measures the time from connect to the first byte of media, with new streams all the time. */
async function firstMedia(programs: TcpPrograms): Promise<void> {
  await using proxy = await openProxy(1);
  const relay = relayOf(proxy);
  for (const mode of ["first_play", "first_flv"] as const) {
    const kind = { mode, bytes: 4_000, interval: 40_000, chunk: 60_000, rate: 50, count: 500 };
    const run = async (options: TcpLoadOptions) => {
      await using load = programs.load(options);
      await load.opened();
      await load.start();
      return await load.stop();
    };
    const proxied = await run(optionsFor(relay, kind));
    const direct = await run({ ...kind, relayPort: originPort, originPort });
    const added = proxied.p50 - direct.p50;
    say(
      `${mode}: 50 new streams a second: p50 ${proxied.p50} p99 ${proxied.p99} ms, origin itself ` +
        `${direct.p50} and ${direct.p99}: added ${added.toFixed(2)} (bound 3, p99 10)`,
    );
  }
}

/** Measures the greatest throughput of one lane and of two, and where the CPU time goes. */
async function fullMachine(programs: TcpPrograms): Promise<void> {
  for (const mode of ["play", "flv"] as const) {
    const kind = { mode, count: 64, bytes: 30_000, interval: 0, chunk: 60_000, rate: 1000 };
    const rates: number[] = [];
    for (const lanes of [1, 2]) {
      await using proxy = await openProxy(lanes);
      const relay = relayOf(proxy);
      const measured = await programs.measure(relay.pid, optionsFor(relay, kind), {
        seconds: SECONDS,
      });
      const rate = measured.received / measured.seconds / 1e9;
      rates.push(rate);
      say(
        `${mode}, ${lanes} lanes: ${rate.toFixed(2)} GB/s, ${measured.cost.toFixed(2)} s/GB, ` +
          `${measured.cores.toFixed(2)} cores; the load itself ${measured.loadCores.toFixed(2)}, ` +
          `all that runs on this machine ${measured.machineCores.toFixed(2)}`,
      );
    }
    say(`  two lanes carry ${(rates[1]! / rates[0]!).toFixed(2)} of one (goal 1.70)`);
  }
}

if (!PARTS.some((part) => only === undefined || only === part)) Deno.exit(2);
await using programs = await TcpPrograms.compile();
const isWanted = (part: typeof PARTS[number]) => only === undefined || only === part;
if (isWanted("cost")) await costs(programs);
if (isWanted("idle")) await idleMemory(programs);
if (isWanted("rest")) await laneMemory();
if (isWanted("first")) await firstMedia(programs);
if (isWanted("full")) await fullMachine(programs);
