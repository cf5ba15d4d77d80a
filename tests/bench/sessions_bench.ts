// The cost of a new session in the main thread, whose one core all lanes share: its CPU time for
// each, and so how many sessions a second it can handle; for new streams, for known ones that a
// lane still asks for, and for those that the lane answers itself. In memory and on Redis. Run with
// `deno task bench:sessions`; needs redis-server. Linux only.

import type { Metrics } from "../../src/core/contracts.ts";
import { LiveSessions } from "../../src/api/session_log.ts";
import { Desk } from "../../src/lane/desk.ts";
import type { FromLane } from "../../src/lane/messages.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { RedisStore } from "../../src/registry/redis/store.ts";
import { Registry } from "../../src/registry/registry.ts";
import type { Store } from "../../src/registry/store.ts";
import { sampleOrigin } from "../contract/sample_origin.ts";
import { RedisServer } from "../support/redis_server.ts";
import { say } from "./comparing.ts";
import type { SessionsDone, SessionsInit } from "./sessions_lane.ts";

const SESSIONS = 10_000;
const ORIGINS = 100;
const BOUNDS = { maxOrigins: 1_000, maxStreams: 100_000 };
const TIMES = { originTtl: 3_600_000, streamIdle: 3_600_000 };
const METRICS: Metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
const CLOCK_TICK_NS = 1e9;

/** CPU seconds of this thread alone. */
function threadSeconds(): number {
  const [nanoseconds] = Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/schedstat`).split(" ");
  return Number(nanoseconds) / CLOCK_TICK_NS;
}

type Asked = Omit<SessionsInit, "changes">;

async function measure(what: string, registry: Registry, asked: Asked): Promise<void> {
  const module = import.meta.resolve("./sessions_lane.ts");
  const worker = new Worker(module, { type: "module" });
  const services = {
    resolver: registry,
    sessions: new LiveSessions({ capacity: 100_000 }),
    metrics: METRICS,
    origins: () => registry.origins(),
    answerOther: () => Promise.reject(new Error("Nobody asks for pages")),
    signal: () => new Response(null, { status: 404 }),
    onError: (error: unknown) => say(String(error)),
  };
  const desk = new Desk(services, (message) => worker.postMessage(message));
  const done = Promise.withResolvers<readonly number[]>();
  worker.onmessage = ({ data }: MessageEvent<FromLane | SessionsDone>) => {
    if (data.type === "question") desk.answer(data);
    else if (data.type === "notice") desk.take(data.notice);
    else if (data.type === "done") done.resolve(data.times);
  };
  const cpu = threadSeconds();
  const init: SessionsInit = { ...asked, changes: registry.changes.memory };
  worker.postMessage(init);
  const times = (await done.promise).toSorted((a, b) => a - b);
  const each = (threadSeconds() - cpu) / asked.sessions * 1e6;
  worker.terminate();
  const at = (part: number) => times[Math.floor(times.length * part)]!.toFixed(2);
  say(
    `  ${what.padEnd(30)} ${each.toFixed(0).padStart(4)} µs each, ${Math.round(1e6 / each)} a ` +
      `second; origin known after p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  );
}

/** Opens a publisher that stays. */
async function publish(registry: Registry, stream: string): Promise<void> {
  const request = { stream, protocol: "rtmp", intent: "publish", failed: [] } as const;
  await registry.resolve({ ...request, session: `publisher of ${stream}` });
  await registry.confirm(`publisher of ${stream}`);
}

async function measureAll(name: string, store: Store): Promise<void> {
  await using registry = await Registry.open({ store, metrics: METRICS, ...TIMES });
  for (let count = 0; count < ORIGINS; count++) await registry.register(sampleOrigin(`o${count}`));
  say(`${name}, ${ORIGINS} origins`);
  const common = { sessions: SESSIONS, atOnce: 32 };
  const play = { ...common, intent: "play", streams: 100 } as const;
  const begin = { ...common, intent: "publish", streams: SESSIONS } as const;
  await measure("warm-up", registry, { ...play, mayKnow: false, prefix: "w" });
  await measure("new stream, published", registry, { ...begin, mayKnow: true, prefix: "n" });
  for (const round of [1, 2]) {
    const prefix = `k${round}-`;
    for (let at = 0; at < play.streams; at++) await publish(registry, `v/live/${prefix}${at}`);
    await measure("known stream, asked", registry, { ...play, mayKnow: false, prefix });
    await measure("known stream, by the lane", registry, { ...play, mayKnow: true, prefix });
  }
}

const only = Deno.args[0];
if (!only || only === "memory") await measureAll("memory", new MemoryStore(BOUNDS));
if (!only || only === "redis") {
  await using server = await RedisServer.open();
  const { address, access } = server;
  await measureAll(
    "Redis",
    await RedisStore.open({
      ...{ ...BOUNDS, servers: { kind: "single", address }, metrics: METRICS },
      access: () => access,
      keyPrefix: "bench:",
    }),
  );
}
Deno.exit(0);
