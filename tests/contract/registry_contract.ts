// What registries that share their records must agree on, with any store. Two registries stand for
// two proxies; with a memory store both use the same one.

import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import type { Metrics } from "../../src/core/contracts.ts";
import type { Choose } from "../../src/registry/placement.ts";
import { Registry } from "../../src/registry/registry.ts";
import type { Store } from "../../src/registry/store.ts";
import { until } from "../support/wait.ts";
import { sampleOrigin } from "./sample_origin.ts";
import type { OpenHarness } from "./store_harness.ts";

const BOUNDS = { maxOrigins: 400, maxStreams: 2_000, maxSessions: 100 };
const NO_METRICS: Metrics = { count: () => {}, gauge: () => {}, observe: () => {} };

type Test = (one: Registry, two: Registry, settle: () => Promise<void>) => Promise<void>;

function openRegistry(store: Store, pick: Choose | undefined): Promise<Registry> {
  const clock = { ...systemClock, every: () => ({ [Symbol.dispose]: () => {} }) };
  const options = { originTtl: 60_000, streamIdle: 60_000, ...(pick ? { pick } : {}) };
  return Registry.open({ store, metrics: NO_METRICS, clock, ...options });
}

async function ownerOf(registry: Registry, stream: string, failed: string[] = []): Promise<string> {
  const session = crypto.randomUUID();
  const request = { stream, protocol: "rtmp", intent: "publish", failed } as const;
  const origin = await registry.resolve({ ...request, session });
  return origin.id;
}

async function registerAll(one: Registry, two: Registry, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `origin-${index}`);
  await Promise.all(ids.map((id, index) => (index % 2 ? one : two).register(sampleOrigin(id))));
  return ids.sort();
}

const TESTS: Readonly<Record<string, Test>> = {
  "300 origins that register at once are known to all": async (one, two, settle) => {
    const ids = await registerAll(one, two, 300);
    await settle();
    for (const registry of [one, two]) {
      const known = (await registry.origins()).map(({ origin }) => origin.id);
      assert.deepEqual(known.sort(), ids);
    }
  },

  "1,000 new streams requested at both at once have one origin each": async (one, two, settle) => {
    await registerAll(one, two, 10);
    await settle();
    const owners = new Set<string>();
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, index) => {
        const stream = `v/a/${index}`;
        const both = await Promise.all([ownerOf(one, stream), ownerOf(two, stream)]);
        assert.equal(both[0], both[1]);
        owners.add(both[0]);
      }),
    );
    assert.equal(owners.size, 10);
  },

  "100 requests that find the origin dead move the stream to the same one": async (one, two) => {
    await registerAll(one, two, 10);
    const dead = await ownerOf(one, "v/a/s");
    const owners = await Promise.all(
      Array.from({ length: 100 }, (_, i) => ownerOf(i % 2 ? one : two, "v/a/s", [dead])),
    );
    assert.equal(new Set(owners).size, 1);
    assert.notEqual(owners[0], dead);
  },

  "a stream confirmed by one stays when the other's request fails": async (one, two, settle) => {
    await registerAll(one, two, 10);
    const request = { stream: "v/a/s", protocol: "rtmp", intent: "play", failed: [] } as const;
    const { id } = await one.resolve({ ...request, session: "publisher" });
    await two.resolve({ ...request, session: "viewer" });
    await one.confirm("publisher");
    two.release("viewer");
    await settle();
    assert.equal(await ownerOf(two, "v/a/s"), id);
    assert.equal((await one.streams({ limit: 10 })).streams[0]?.confirmed, true);
  },

  "a session that one has put is found by the other until it ends": async (one, two) => {
    const media = { host: "192.0.2.1", port: 8000 };
    const session = {
      ...{ user: "u:v", password: "p", stream: "v/a/s", origin: "a", media },
      intent: "play",
    } as const;
    await one.putSession(session, 60_000);
    assert.deepEqual(await two.session("u:v"), session);
    await one.endSession("u:v");
    await until("the end of the session", async () => await two.session("u:v") === undefined);
  },

  "a reconfigured default origin replaces the old one": async (
    one,
    two,
    settle,
  ) => {
    const idsAt = async (registry: Registry) => {
      return (await registry.origins()).map(({ origin }) => origin.id).join();
    };
    for (const id of ["before", "after"]) {
      await one.configure({ originTtl: 60_000, permanent: [sampleOrigin(id)] });
      await until(`${id} at both`, async () => {
        await settle();
        return await idsAt(one) === id && await idsAt(two) === id;
      });
    }
    await one.configure({ originTtl: 60_000 });
    await until("none at both", async () => {
      await settle();
      return await idsAt(one) === "" && await idsAt(two) === "";
    });
  },

  "a failed request at one does not affect the other's pending one": async (one, two, settle) => {
    await registerAll(one, two, 10);
    const request = { stream: "v/a/s", protocol: "rtmp", intent: "play", failed: [] } as const;
    const { id } = await one.resolve({ ...request, session: "first" });
    await two.resolve({ ...request, session: "second" });
    one.release("first");
    await settle();
    assert.equal((await two.streams({ limit: 10 })).streams[0]?.origin, id);
  },
};

/** Declares the suite for two registries on one kind of store, with a rule for choosing origins. */
export function registryContract(name: string, open: OpenHarness, pick?: Choose): void {
  for (const [title, test] of Object.entries(TESTS)) {
    Deno.test(`registries over ${name}: ${title}`, async () => {
      await using harness = await open(BOUNDS);
      await using one = await openRegistry(harness.stores[0], pick);
      await using two = await openRegistry(harness.stores[1], pick);
      await test(one, two, harness.settle);
    });
  }
}
