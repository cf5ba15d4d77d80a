// The System API of a large installation: 500 origins, 10,000 streams, 20,000 sessions. How long
// lists and a scrape take, how much more later pages cost than the first, what a heartbeat costs,
// and the load of the main thread at rest, with heartbeats every 9 s and probes every 2 s; each
// figure with its bound. Run with `deno task bench:system`.

import process from "node:process";
import { AddressPolicy } from "../../src/api/address_policy.ts";
import { LiveSessions } from "../../src/api/session_log.ts";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { SessionTallies } from "../../src/api/session_tallies.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { Proxy } from "../support/proxy.ts";
import { type Desk, openDesk, REGISTER } from "../support/system_desk.ts";
import { letRun, say } from "./comparing.ts";
import { mainThreadSeconds } from "./process_figures.ts";

const ORIGINS = 500;
const STREAMS = 10_000;
const SESSIONS = 20_000;
const HEARTBEAT = 9_000;
const PROBE = 2_000;
const ROUNDS = 200;
const REST = 10_000;
/** In milliseconds, and percent of a core. */
const BOUNDS = { list: 50, scrape: 50, heartbeat: 0.5, rest: 10 };
const LISTS = [
  ...["/api/v1/origins?limit=1000", "/api/v1/origins?search=origin-4&limit=100"],
  ...["/api/v1/streams?limit=1000", "/api/v1/streams?search=999", "/api/v1/streams?origin=o-1"],
  ...["/api/v1/sessions?limit=1000", "/api/v1/sessions?client=10.0.0.9"],
  ...["/api/v1/origins/origin-7", "/api/v1/streams/v/live/77"],
];

function heartbeat(number: number, port: number): Record<string, unknown> {
  const what = { ip: "127.0.0.1", server: `origin-${number}`, service: "s", pid: "1" };
  return { ...what, rtmp: [`${10_000 + number}`], api: [String(port)] };
}

function register(url: string, number: number, port: number): Request {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify(heartbeat(number, port));
  return new Request(url, { method: "POST", headers, body });
}

async function openBusyDesk(stack: AsyncDisposableStack): Promise<Desk> {
  const metrics = new PrometheusMetrics();
  const store = new MemoryStore({ maxOrigins: 1_000, maxStreams: 20_000 });
  const times = { originTtl: 300_000, streamIdle: 300_000 };
  const registry = stack.use(await Registry.open({ store, metrics, ...times }));
  const sessions = new LiveSessions({ capacity: 100_000 });
  const addresses = new AddressPolicy({
    ...{ allow: () => [], allowNames: () => [], ownAddresses: () => [] },
    ...{ otherProxies: () => [], localIps: () => [] },
  });
  const desk = stack.use(
    await openDesk({
      ...{ registrar: registry, operations: registry.operations, metrics, addresses },
      expose: () => metrics.expose(),
      sessions: { list: (page) => sessions.list(page), kick: () => false },
      tallies: () => new SessionTallies(sessions.all(), (stream) => stream),
    }),
  );
  for (let number = 0; number < ORIGINS; number++) await beatAtDesk(desk, number);
  for (let number = 0; number < SESSIONS; number++) {
    const session = `s${number}`;
    const stream = `v/live/${number % STREAMS}`;
    const intent = number < STREAMS ? "publish" : "play";
    const request = { stream, intent, session, protocol: "rtmp", failed: [] } as const;
    const { id: origin } = await registry.resolve(request);
    await registry.confirm(session);
    const client = `10.0.${number % 200}.${number % 250}:5000`;
    sessions.opened({ session, stream, intent, protocol: "rtmp", origin, client });
    const flowed = { bytesIn: 3e9 + number, bytesOut: 4e9, bitsIn: 3e6 + number, bitsOut: 4e6 };
    sessions.flowed({ session, flowed });
  }
  return desk;
}

/** Without checking answers against the OpenAPI document, as tests do. */
async function get(desk: Desk, path: string): Promise<string> {
  return await (await desk.fetch(new Request(`http://127.0.0.1${path}`))).text();
}

async function beatAtDesk(desk: Desk, number: number): Promise<void> {
  await (await desk.fetch(register(`http://127.0.0.1${REGISTER}`, number, 20_000 + number))).text();
}

/** Durations of several calls in milliseconds, shortest first. */
async function timesOf(work: (round: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    await work(round);
    times.push(performance.now() - begun);
  }
  return times.sort((one, two) => one - two);
}

function show(what: string, figure: number, bound: number, unit: string): void {
  const verdict = figure <= bound ? "" : "  OVER";
  const shown = figure.toFixed(2).padStart(7);
  say(`${what.padEnd(58)} ${shown} ${unit}, at most ${bound} ${unit}${verdict}`);
}

function showTimes(what: string, times: readonly number[], bound: number): void {
  const at = (share: number) => times[Math.floor(times.length * share)]!;
  show(`${what}, p99 (p50 ${at(0.5).toFixed(2)} ms)`, at(0.99), bound, "ms");
}

function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function benchDesk(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const desk = await openBusyDesk(stack);
  for (const path of LISTS) {
    showTimes(path, await timesOf(() => get(desk, path)), BOUNDS.list);
  }
  for (const name of ["origins", "streams", "sessions"]) await benchDepth(desk, name);
  showTimes("/metrics", await timesOf(() => desk.metrics.expose()), BOUNDS.scrape);
  let before = cpuMilliseconds();
  await timesOf((round) => beatAtDesk(desk, round));
  const cost = (cpuMilliseconds() - before) / ROUNDS;
  show("a heartbeat without its connection, CPU", cost, BOUNDS.heartbeat, "ms");
  before = cpuMilliseconds();
  await letRun(REST);
  const share = (cpuMilliseconds() - before) / REST * 100;
  show(`${STREAMS} streams and ${SESSIONS} sessions at rest`, share, BOUNDS.rest, "% of a core");
}

/** The first page of a list and the last one. */
async function benchDepth(desk: Desk, name: string): Promise<void> {
  const first = `/api/v1/${name}?limit=100`;
  let last = first;
  for (let after: string | undefined = ""; after !== undefined;) {
    const { next }: { next?: string } = JSON.parse(await get(desk, last));
    after = next;
    if (after !== undefined) last = `${first}&after=${encodeURIComponent(after)}`;
  }
  showTimes(`first page of ${name}`, await timesOf(() => get(desk, first)), BOUNDS.list);
  showTimes(`last page of ${name}`, await timesOf(() => get(desk, last)), BOUNDS.list);
}

/** A heartbeat with a connection of its own, as SRS sends it. */
async function beat(proxy: Proxy, number: number, port: number): Promise<void> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(register(proxy.systemUrl(REGISTER), number, port), { client });
  await response.body?.cancel();
}

/**
 * Percent of a core that the main thread uses during `work`, which returns how often it was done.
 */
async function shareOf(
  { process: { pid } }: Proxy,
  work: () => Promise<number>,
): Promise<{ percent: number; each: number }> {
  const [begun, before] = [performance.now(), mainThreadSeconds(pid)];
  const times = await work();
  const used = (mainThreadSeconds(pid) - before) * 1_000;
  return { percent: used / (performance.now() - begun) * 100, each: used / times };
}

/** Measures the whole program with only heartbeats and probes. */
async function benchRest(): Promise<void> {
  await using origin = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("{}"));
  const { port } = origin.addr;
  const rest = async () => {
    await letRun(REST);
    return 1;
  };
  for (const interval of [0, PROBE]) {
    await using proxy = await Proxy.open({ PROXY_HEALTH_INTERVAL: `${interval}ms` });
    for (let number = 0; number < ORIGINS; number++) await beat(proxy, number, port);
    await letRun(3_000);
    const quiet = await shareOf(proxy, rest);
    const rush = await shareOf(proxy, async () => {
      for (let number = 0; number < ORIGINS; number++) await beat(proxy, number, port);
      return ORIGINS;
    });
    const busy = await shareOf(proxy, async () => {
      const begun = performance.now();
      let beats = 0;
      for (; performance.now() - begun < REST; beats++) {
        await beat(proxy, beats % ORIGINS, port);
        await letRun(Math.max(0, begun + beats * HEARTBEAT / ORIGINS - performance.now()));
      }
      return beats;
    });
    const probes = interval === 0 ? "no probes" : `a probe each ${interval / 1_000} s`;
    const { rest: bound, heartbeat } = BOUNDS;
    show(`main thread, ${probes}, no heartbeats`, quiet.percent, bound, "% of a core");
    show(`main thread, ${probes}, and heartbeats`, busy.percent, bound, "% of a core");
    const costOf = ({ each, percent }: typeof busy) => each * (1 - quiet.percent / percent);
    show("a heartbeat after another, with connection, CPU", costOf(rush), heartbeat, "ms");
    // Other processes have displaced its data from the CPU caches meanwhile.
    show("a heartbeat by itself, with connection, CPU", costOf(busy), heartbeat, "ms");
  }
}

await benchDesk();
await benchRest();
