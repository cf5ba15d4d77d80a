// The System API of a large house: 500 origins, 10,000 streams, 20,000 sessions. How long lists and
// a scrape take, what a heartbeat costs, and what the main thread of the whole program does at rest,
// with heartbeats every 9 s and probes every 2 s. Run with `deno task bench:system`.

import process from "node:process";
import { AddressPolicy } from "../../src/api/address_policy.ts";
import { LiveSessions } from "../../src/api/session_log.ts";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { SessionTallies } from "../../src/api/session_tallies.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { Proxy } from "../support/proxy.ts";
import { type Desk, openDesk, REGISTER } from "../support/system_desk.ts";
import { pause } from "../support/wait.ts";
import { say } from "./comparing.ts";

const ORIGINS = 500;
const STREAMS = 10_000;
const SESSIONS = 20_000;
const HEARTBEAT = 9_000;
const ROUNDS = 200;
const REST = 10_000;
/** Clock ticks of the kernel in a second. */
const TICKS = 100;
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
  for (let number = 0; number < ORIGINS; number++) {
    await desk.ask("POST", REGISTER, heartbeat(number, 20_000 + number));
  }
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

/** Milliseconds of each of so many calls, shortest first. */
async function timesOf(work: (round: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    await work(round);
    times.push(performance.now() - begun);
  }
  return times.sort((one, two) => one - two);
}

function show(what: string, times: readonly number[]): void {
  const at = (share: number) => times[Math.floor(times.length * share)]!.toFixed(2).padStart(7);
  say(`${what.padEnd(44)} p50 ${at(0.5)} ms  p99 ${at(0.99)} ms`);
}

function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function benchDesk(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const desk = await openBusyDesk(stack);
  for (const path of LISTS) show(path, await timesOf(() => desk.ask("GET", path)));
  show("/metrics", await timesOf(() => desk.metrics.expose()));
  const before = cpuMilliseconds();
  const times = await timesOf((round) =>
    desk.ask("POST", REGISTER, heartbeat(round, 20_000 + round))
  );
  const cpu = (cpuMilliseconds() - before) / ROUNDS;
  show(`heartbeat, ${cpu.toFixed(3)} ms of CPU`, times);
}

/** Milliseconds that the main thread of a process has run so far. */
async function mainThreadTime(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1_000 / TICKS;
}

/** What the whole program costs when nothing but heartbeats and probes goes on. */
async function benchRest(interval: string): Promise<void> {
  await using origin = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("{}"));
  const { port } = origin.addr;
  await using proxy = await Proxy.open({ PROXY_HEALTH_INTERVAL: interval });
  const beat = async (number: number) => {
    const response = await fetch(proxy.systemUrl(REGISTER), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(heartbeat(number, port)),
    });
    await response.body?.cancel();
  };
  for (let number = 0; number < ORIGINS; number++) await beat(number);
  await pause(3_000);
  const [begun, before] = [performance.now(), await mainThreadTime(proxy.process.pid)];
  let number = 0;
  while (performance.now() - begun < REST) {
    await beat(number++ % ORIGINS);
    await pause(HEARTBEAT / ORIGINS);
  }
  const share = (await mainThreadTime(proxy.process.pid) - before) / (performance.now() - begun);
  const percent = (share * 100).toFixed(1);
  say(`main thread at rest, ${ORIGINS} origins, a probe each ${interval}: ${percent} % of a core`);
}

await benchDesk();
for (const interval of ["0", "2s"]) await benchRest(interval);
