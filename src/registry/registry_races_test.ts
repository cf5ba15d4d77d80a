import assert from "node:assert/strict";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import type { Metrics } from "../core/contracts.ts";
import { MemoryStore } from "./memory_store.ts";
import { Registry } from "./registry.ts";
import type { Answer, Store } from "./store.ts";

const NO_METRICS: Metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
const STREAMS = ["v/a/1", "v/a/2", "v/a/3"];

/** The same numbers for the same seed (mulberry32, public domain). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The store as seen over a connection: calls arrive in order, but they and their answers are late. */
function overConnection(store: Store, random: () => number): Store {
  let connection: Promise<unknown> = Promise.resolve();
  const delay = async () => {
    for (let turn = Math.floor(random() * 6); turn > 0; turn--) await null;
  };
  const call = async <T>(operation: () => Answer<T>): Promise<T> => {
    const arrived = connection.then(delay).then(operation);
    connection = arrived.catch(() => {});
    try {
      return await arrived;
    } finally {
      await delay();
    }
  };
  return {
    trouble: undefined,
    onSuspect: () => {},
    onEndStream: () => {},
    endStream: () => {},
    changeOrigin: (id, change) => call(() => store.changeOrigin(id, change)),
    removeOrigin: (id) => call(() => store.removeOrigin(id)),
    onLiveEnd: () => {},
    fleet: store.fleet,
    changes: store.changes,
    originTimeLeft: (id) => store.originTimeLeft(id),
    suspectOrigin: () => {},
    putOrigin: (origin, ttl) => call(() => store.putOrigin(origin, ttl)),
    origin: (id) => call(() => store.origin(id)),
    origins: () => call(() => store.origins()),
    stream: (stream) => call(() => store.stream(stream)),
    claimStream: (claim) => call(() => store.claimStream(claim)),
    moveStream: (move) => call(() => store.moveStream(move)),
    publishStream: (lease, wait) => call(() => store.publishStream(lease, wait)),
    renewStreams: (leases) => call(() => store.renewStreams(leases)),
    forgetStream: (forgotten) => call(() => store.forgetStream(forgotten)),
    putSession: (session, ttl) => call(() => store.putSession(session, ttl)),
    session: (user) => call(() => store.session(user)),
    endSession: (user) => call(() => store.endSession(user)),
    streams: (page) => call(() => store.streams(page)),
    sweep: () => call(() => store.sweep()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

interface Race {
  readonly registries: readonly Registry[];
  readonly random: () => number;
  /** Origins of the running sessions, by stream. */
  readonly held: Map<string, string[]>;
  readonly check: boolean;
}

/** One session from request to end, with random pauses between its steps. */
async function runSession(race: Race, session: string): Promise<void> {
  const { registries, random, held } = race;
  const registry = registries[Math.floor(random() * registries.length)];
  const stream = STREAMS[Math.floor(random() * STREAMS.length)];
  assert.ok(registry && stream);
  const request = { stream, protocol: "rtmp", intent: "publish", session } as const;
  const pause = async () => {
    for (let turn = Math.floor(random() * 30); turn > 0; turn--) await null;
  };
  await pause();
  const first = await registry.resolve({ ...request, failed: [] });
  const others = held.get(stream) ?? [];
  if (race.check) { for (const other of others) assert.equal(first.id, other, stream); }
  held.set(stream, [...others, first.id]);
  await pause();
  if (!race.check && random() < 0.3) {
    await registry.resolve({ ...request, failed: [first.id] });
    await pause();
  }
  const rest = held.get(stream) ?? [];
  rest.splice(rest.indexOf(first.id), 1);
  registry.release(session);
}

async function runRace(seed: number, proxies: number, check: boolean): Promise<number> {
  const random = seeded(seed);
  const clock = new VirtualClock();
  await using store = new MemoryStore({ maxOrigins: 10, maxStreams: 10, now: clock.now });
  await using stack = new AsyncDisposableStack();
  const registries: Registry[] = [];
  for (let proxy = 0; proxy < proxies; proxy++) {
    const registry = await Registry.open({
      store: overConnection(store, random),
      metrics: NO_METRICS,
      originTtl: 300_000,
      streamIdle: 60_000,
      clock,
      random,
    });
    registries.push(stack.use(registry));
  }
  for (const id of ["a", "b", "c"]) await registries[0]?.register(sampleOrigin(id));
  const race = { registries, random, held: new Map<string, string[]>(), check };
  await Promise.all(Array.from({ length: 60 }, (_, index) => runSession(race, `s${index}`)));
  await stack.disposeAsync();
  // A mapping that two proxies rely on may last for one more lease.
  if (proxies > 1) await clock.pass(15_000);
  return (await store.sweep()).streams;
}

for (const proxies of [1, 2]) {
  Deno.test(`sessions that overlap in any way agree on an origin: ${proxies} registries`, async () => {
    for (let seed = 1; seed <= 100; seed++) {
      assert.equal(await runRace(seed, proxies, true), 0, `seed ${seed}`);
    }
  });

  Deno.test(`no order of failures and ends leaves a mapping: ${proxies} registries`, async () => {
    for (let seed = 1; seed <= 100; seed++) {
      assert.equal(await runRace(seed, proxies, false), 0, `seed ${seed}`);
    }
  });
}
