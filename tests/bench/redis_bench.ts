// The registry on Redis compared with the registry in memory, in the same run: choices per second
// for new and known streams, how long one takes, and what it costs Redis, with few and with many
// origins. Run with `deno task bench:redis`; needs redis-server.

import type { Metrics } from "../../src/core/contracts.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { RedisStore } from "../../src/registry/redis/store.ts";
import { Registry } from "../../src/registry/registry.ts";
import type { Store } from "../../src/registry/store.ts";
import { sampleOrigin } from "../contract/sample_origin.ts";
import { RedisServer } from "../support/redis_server.ts";
import { say } from "./comparing.ts";

const STREAMS = 10_000;
const AT_ONCE = 32;
const ORIGINS = [10, 1_000];
const BOUNDS = { maxOrigins: 2_000, maxStreams: 100_000 };
const TIMES = { originTtl: 3_600_000, streamIdle: 3_600_000 };
const METRICS: Metrics = { count: () => {}, gauge: () => {}, observe: () => {} };

let sessions = 0;

/** One request of a player for a stream. @returns its duration in milliseconds */
async function pick(registry: Registry, stream: string): Promise<number> {
  const session = `s${++sessions}`;
  const begun = performance.now();
  await registry.resolve({ stream, protocol: "rtmp", intent: "play", session, failed: [] });
  const time = performance.now() - begun;
  registry.confirm(session);
  registry.release(session);
  return time;
}

/** Requests all streams, several at a time, and prints the result. */
async function pickAll(
  what: string,
  registry: Registry,
  streams: readonly string[],
): Promise<void> {
  const times: number[] = [];
  const begun = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < streams.length) times.push(await pick(registry, streams[next++]!));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const seconds = (performance.now() - begun) / 1000;
  times.sort((a, b) => a - b);
  const at = (part: number) => times[Math.floor(times.length * part)]!.toFixed(2);
  const rate = Math.round(streams.length / seconds);
  say(`  ${what.padEnd(14)} ${rate} a second, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
}

async function measure(name: string, store: Store, origins: number): Promise<void> {
  await using registry = await Registry.open({ store, metrics: METRICS, ...TIMES });
  for (let count = 0; count < origins; count++) await registry.register(sampleOrigin(`o${count}`));
  say(`${name}, ${origins} origins, ${AT_ONCE} at once`);
  const names = Array.from({ length: STREAMS }, (_, at) => `v/live/${at}`);
  await pickAll("new streams", registry, names);
  await pickAll("known streams", registry, names);
}

async function calls(server: RedisServer): Promise<number> {
  return await server.info("commandstats", /^cmdstat_(?!info|ping|client)\S*:calls=(\d+)/gm);
}

/** Redis commands per repetition of an action. */
async function callsFor(
  server: RedisServer,
  count: number,
  work: (at: number) => Promise<unknown>,
) {
  const before = await calls(server);
  for (let at = 0; at < count; at++) await work(at);
  return ((await calls(server) - before) / count).toFixed(1);
}

for (const origins of ORIGINS) {
  await measure("memory", new MemoryStore(BOUNDS), origins);
  await using server = await RedisServer.open();
  const { address, access } = server;
  const redis = () =>
    RedisStore.open({
      ...BOUNDS,
      servers: { kind: "single", address },
      access: () => access,
      keyPrefix: "bench:",
      metrics: METRICS,
    });
  await measure("Redis", await redis(), origins);
  await using registry = await Registry.open({ store: await redis(), metrics: METRICS, ...TIMES });
  const heartbeat = (at: number) => registry.register(sampleOrigin(`o${at % origins}`));
  const each = [
    `${await callsFor(server, 500, heartbeat)} a heartbeat`,
    `${await callsFor(server, 500, (at) => pick(registry, `v/new/${at}`))} a new stream`,
    `${await callsFor(server, 500, (at) => pick(registry, `v/new/${at}`))} a known one`,
  ];
  say(`  commands of Redis: ${each.join(", ")}`);
}
Deno.exit(0);
