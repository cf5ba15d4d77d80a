// What every store must do, wherever it keeps its records. One call of storeContract declares the
// suite for a store; a store over a network is given twice, to be used from both ends.

import assert from "node:assert/strict";
import { ProxyError } from "../../src/core/errors.ts";
import type { OriginSettings } from "../../src/core/origin.ts";
import { until } from "../support/wait.ts";
import type { Store, StreamClaim, StreamLease, StreamRecord } from "../../src/registry/store.ts";
import { sampleOrigin } from "./sample_origin.ts";
import { LIVE_TESTS } from "./live_contract.ts";
import { SESSION_TESTS } from "./session_contract.ts";
import { BOUNDS, fill, isOverloaded, LONG, TTL } from "./store_harness.ts";
import type { OpenHarness, Test } from "./store_harness.ts";

function claim(stream: string, origin: string, claimant = "me", ttl = LONG): StreamClaim {
  return { stream, origin, claimant, publishes: false, ttl, candidates: [], wait: LONG };
}

function lease(stream: string, origin: string, more: Partial<StreamLease> = {}): StreamLease {
  const said = { confirmed: true, live: "none", epoch: 0, liveTtl: LONG } as const;
  return { stream, origin, claimant: "me", ttl: LONG, ...said, ...more };
}

async function ownerOf(store: Store, stream: string): Promise<string | undefined> {
  return (await store.stream(stream))?.record.origin;
}

async function recordOf(store: Store, stream: string): Promise<StreamRecord | undefined> {
  return (await store.stream(stream))?.record;
}

async function loadOf(store: Store, id: string): Promise<number | undefined> {
  return (await store.origins()).find(({ origin }) => origin.id === id)?.streams;
}

const ORIGIN_TESTS: Readonly<Record<string, Test>> = {
  "an origin is found until its TTL is over": async ({ stores: [one, two], pass, settle }) => {
    const origin = sampleOrigin("a");
    await one.putOrigin(origin, TTL);
    await settle();
    assert.deepEqual(await two.origin("a"), origin);
    const [record] = await two.origins();
    assert.deepEqual(record?.origin, origin);
    assert.ok(record.expiresIn !== null && record.expiresIn > 0 && record.expiresIn <= TTL);
    await pass(TTL + 1);
    assert.equal(await one.origin("a"), undefined);
    assert.deepEqual(await two.origins(), []);
  },

  "a heartbeat extends the TTL of an origin": async ({ stores: [one, two], pass, settle }) => {
    await one.putOrigin(sampleOrigin("a"), TTL);
    await pass(TTL / 2);
    await two.putOrigin(sampleOrigin("a"), TTL * 2);
    await settle();
    await pass(TTL);
    assert.equal((await one.origin("a"))?.id, "a");
  },

  "an operator's settings for an origin are known to all, and stay": async (harness) => {
    const { stores: [one, two], settle } = harness;
    await one.putOrigin(sampleOrigin("a"), LONG);
    await settle();
    const decided = async () => (await two.origins())[0]?.settings;
    const becomes = async (expected: OriginSettings | undefined) => {
      const isSo = async () => JSON.stringify(await decided()) === JSON.stringify(expected);
      await until("the decision", isSo, { interval: 5, timeout: 1_000 });
    };
    await one.changeOrigin("a", { draining: true });
    await becomes({ draining: true, weight: 100 });
    await two.changeOrigin("a", { weight: 7, labels: ["eu", "gpu"] });
    await one.putOrigin(sampleOrigin("a", { generation: "second/2" }), LONG);
    await settle();
    await two.sweep();
    await becomes({ draining: true, weight: 7, labels: ["eu", "gpu"] });
    await one.changeOrigin("a", { labels: [] });
    await becomes({ draining: true, weight: 7, labels: [] });
    await one.changeOrigin("a", { labels: null, weight: 100, draining: false });
    await becomes(undefined);
  },

  "a removed origin is gone for all, with its settings": async (harness) => {
    const { stores: [one, two], settle } = harness;
    await one.putOrigin(sampleOrigin("a"), LONG);
    await one.changeOrigin("a", { draining: true });
    await one.removeOrigin("a");
    await settle();
    await until("gone", async () => (await two.origins()).length === 0, { interval: 5 });
    await two.putOrigin(sampleOrigin("a"), LONG);
    await settle();
    assert.equal((await one.origins())[0]?.settings, undefined);
  },

  "another store is asked to end a stream's sessions": async ({ stores: [one, two] }) => {
    if (one === two) return;
    const heard: string[] = [];
    one.onEndStream = (stream) => heard.push(`one ${stream}`);
    two.onEndStream = (stream) => heard.push(`two ${stream}`);
    await one.endStream("v/a/s");
    await until("the word", () => heard.length > 0, { interval: 5 });
    assert.deepEqual(heard, ["two v/a/s"]);
  },

  "a restarted origin replaces itself": async ({ stores: [one, two], settle }) => {
    await one.putOrigin(sampleOrigin("a", { generation: "first/1" }), LONG);
    await two.putOrigin(sampleOrigin("a", { generation: "second/2" }), LONG);
    await settle();
    assert.equal((await one.origin("a"))?.generation, "second/2");
    assert.equal((await one.origins()).length, 1);
  },

  "an origin without a TTL stays": async ({ stores: [one, two], pass, settle }) => {
    await one.putOrigin(sampleOrigin("a"), Infinity);
    await pass(TTL);
    await settle();
    assert.equal((await one.origins())[0]?.expiresIn, null);
    assert.equal((await two.origins())[0]?.origin.id, "a");
  },

  "300 origins that register at once are all found": async ({ stores: [one, two], settle }) => {
    const ids = Array.from({ length: 300 }, (_, index) => `origin-${index}`);
    await Promise.all(
      ids.map(async (id, index) => await (index % 2 ? one : two).putOrigin(sampleOrigin(id), LONG)),
    );
    await settle();
    for (const store of [one, two]) {
      const found = (await store.origins()).map(({ origin }) => origin.id);
      assert.deepEqual(found.sort(), ids.toSorted());
    }
  },

  "without room new origins are refused, known ones are renewed": async ({ stores, pass }) => {
    const [one] = stores;
    await fill(BOUNDS.maxOrigins, (at, ttl) => one.putOrigin(sampleOrigin(`o${at}`), ttl));
    await assert.rejects(async () => await one.putOrigin(sampleOrigin("new"), LONG), isOverloaded);
    await assert.rejects(async () => {
      await one.putOrigin(sampleOrigin("new"), Infinity);
    }, isOverloaded);
    assert.equal(await one.origin("new"), undefined);
    await one.putOrigin(sampleOrigin("o1", { generation: "second/2" }), LONG);
    assert.equal((await one.origin("o1"))?.generation, "second/2");
    // Room taken by unused records must become free by itself.
    await pass(TTL + 1_000);
    await one.putOrigin(sampleOrigin("new"), LONG);
    assert.equal((await one.origin("new"))?.id, "new");
  },
};

const CLAIM_TESTS: Readonly<Record<string, Test>> = {
  "the first claim wins and the second learns of it": async ({ stores: [one, two] }) => {
    const won = await one.claimStream(claim("v/a/s", "a", "one"));
    const { epoch, ...mapping } = won;
    const made = { stream: "v/a/s", origin: "a", claimant: "one", confirmed: false, publisher: "" };
    assert.deepEqual(mapping, made);
    assert.ok(epoch > 0);
    assert.equal((await two.claimStream(claim("v/a/s", "b", "two"))).origin, "a");
    assert.equal(await ownerOf(one, "v/a/s"), "a");
  },

  "100 claims at once have one winner": async ({ stores: [one, two], settle }) => {
    const records = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const store = index % 2 ? one : two;
        return await store.claimStream(claim("v/a/s", `origin-${index}`, `${index}`));
      }),
    );
    assert.equal(new Set(records.map(({ origin }) => origin)).size, 1);
    await settle();
    assert.equal(await ownerOf(two, "v/a/s"), records[0]?.origin);
  },

  "a claim that nobody renews expires": async ({ stores: [one, two], pass }) => {
    await one.claimStream(claim("v/a/s", "a", "one", TTL));
    await pass(TTL + 1);
    assert.equal(await two.stream("v/a/s"), undefined);
    assert.equal((await two.claimStream(claim("v/a/s", "b", "two"))).origin, "b");
  },

  "a mapping is removed when its claimant releases it": async ({ stores: [one, two], settle }) => {
    await one.claimStream(claim("v/a/s", "a"));
    await one.forgetStream({ stream: "v/a/s", origin: "a", claimant: "me", isUrgent: true });
    await settle();
    assert.equal(await two.stream("v/a/s"), undefined);
  },

  "a release affects only the claimant's own mapping": async ({ stores: [one, two], settle }) => {
    await one.claimStream(claim("v/a/s", "a"));
    await two.forgetStream({ stream: "v/a/s", origin: "a", claimant: "other", isUrgent: true });
    await two.forgetStream({ stream: "v/a/s", origin: "b", claimant: "me", isUrgent: true });
    await settle();
    assert.equal(await ownerOf(one, "v/a/s"), "a");
    await one.renewStreams([lease("v/a/s", "a")]);
    await two.forgetStream({ stream: "v/a/s", origin: "a", claimant: "me", isUrgent: true });
    await settle();
    assert.equal((await recordOf(one, "v/a/s"))?.confirmed, true);
  },

  "a mapping on which two rely is released by neither": async ({ stores: [one, two], settle }) => {
    await one.claimStream(claim("v/a/s", "a", "one"));
    assert.equal((await two.claimStream(claim("v/a/s", "b", "two"))).claimant, "");
    await one.forgetStream({ stream: "v/a/s", origin: "a", claimant: "one", isUrgent: true });
    await two.forgetStream({ stream: "v/a/s", origin: "a", claimant: "two", isUrgent: true });
    await settle();
    assert.equal(await ownerOf(one, "v/a/s"), "a");
  },

  "without room new streams are refused, known ones are renewed": async ({ stores, pass }) => {
    const [one] = stores;
    await fill(BOUNDS.maxStreams, (at, ttl) => {
      return one.claimStream(claim(`v/a/${at}`, "a", "me", ttl));
    });
    await assert.rejects(async () => await one.claimStream(claim("v/a/new", "a")), isOverloaded);
    assert.equal((await one.claimStream(claim("v/a/1", "b"))).origin, "a");
    assert.equal(
      (await one.moveStream({ ...claim("v/a/1", "b"), from: "a" })).origin,
      "b",
    );
    await pass(TTL + 1_000);
    assert.equal((await one.claimStream(claim("v/a/new", "a"))).origin, "a");
  },
};

const LEASE_TESTS: Readonly<Record<string, Test>> = {
  "a move succeeds only from the named origin": async ({ stores: [one, two], settle }) => {
    await one.claimStream(claim("v/a/s", "a"));
    assert.equal((await two.moveStream({ ...claim("v/a/s", "c"), from: "b" })).origin, "a");
    assert.equal((await two.moveStream({ ...claim("v/a/s", "b"), from: "a" })).origin, "b");
    await settle();
    assert.equal(await ownerOf(one, "v/a/s"), "b");
  },

  "100 moves at once have one winner": async ({ stores: [one, two] }) => {
    await one.claimStream(claim("v/a/s", "dead"));
    const records = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const store = index % 2 ? one : two;
        return await store.moveStream({ ...claim("v/a/s", `o${index}`), from: "dead" });
      }),
    );
    assert.equal(new Set(records.map(({ origin }) => origin)).size, 1);
  },

  "a moved mapping is unconfirmed and belongs to the mover": async (
    { stores: [one, two], settle },
  ) => {
    await one.claimStream(claim("v/a/s", "a", "one"));
    await one.renewStreams([lease("v/a/s", "a", { claimant: "one" })]);
    const before = await recordOf(one, "v/a/s");
    const moved = await two.moveStream({ ...claim("v/a/s", "b", "two"), from: "a" });
    const { epoch, ...mapping } = moved;
    const made = { stream: "v/a/s", origin: "b", claimant: "two", confirmed: false, publisher: "" };
    assert.deepEqual(mapping, made);
    assert.ok(before && epoch > before.epoch);
    await two.forgetStream({ stream: "v/a/s", origin: "b", claimant: "two", isUrgent: true });
    await settle();
    assert.equal(await one.stream("v/a/s"), undefined);
  },

  "a moved mapping has a new TTL": async ({ stores: [one, two], pass }) => {
    await one.claimStream(claim("v/a/s", "a"));
    await two.moveStream({ ...claim("v/a/s", "b", "two", TTL), from: "a" });
    await pass(TTL + 1);
    assert.equal(await one.stream("v/a/s"), undefined);
  },

  "a move of a mapping that is gone creates a new one": async ({ stores: [one] }) => {
    assert.equal((await one.moveStream({ ...claim("v/a/s", "b"), from: "a" })).origin, "b");
  },

  "a lease extends and confirms, and never shortens": async (
    { stores: [one, two], pass, settle },
  ) => {
    await one.claimStream(claim("v/a/s", "a", "me", TTL));
    await one.renewStreams([lease("v/a/s", "a", { ttl: TTL * 3 })]);
    await one.renewStreams([lease("v/a/s", "a", { ttl: TTL / 2, confirmed: false })]);
    await settle();
    await pass(TTL * 2);
    assert.equal((await recordOf(two, "v/a/s"))?.confirmed, true);
    await pass(TTL + 1);
    assert.equal(await two.stream("v/a/s"), undefined);
  },

  "a lease restores what was lost": async ({ stores: [one, two], settle }) => {
    await one.renewStreams([lease("v/a/s", "a")]);
    await settle();
    assert.deepEqual(await recordOf(two, "v/a/s"), {
      ...{ stream: "v/a/s", origin: "a", claimant: "me", confirmed: true },
      ...{ publisher: "", epoch: 0 },
    });
  },

  "a lease does not affect a mapping that has moved": async ({ stores: [one, two], settle }) => {
    await one.claimStream(claim("v/a/s", "b"));
    await two.renewStreams([lease("v/a/s", "a")]);
    await settle();
    assert.equal((await recordOf(one, "v/a/s"))?.confirmed, false);
    assert.equal(await ownerOf(one, "v/a/s"), "b");
  },

  "many leases are renewed in one call": async ({ stores: [one, two], pass, settle }) => {
    const leases = Array.from({ length: 300 }, (_, index) => lease(`v/a/${index}`, "a"));
    for (const { stream, origin } of leases) {
      await one.claimStream(claim(stream, origin, "me", TTL));
    }
    await one.renewStreams(leases);
    await settle();
    await pass(TTL + 1);
    assert.equal(await ownerOf(two, "v/a/0"), "a");
    assert.equal(await ownerOf(two, "v/a/299"), "a");
  },
};

const LIST_TESTS: Readonly<Record<string, Test>> = {
  "the load of an origin follows its streams": async ({ stores: [one, two], pass, settle }) => {
    await one.putOrigin(sampleOrigin("a"), LONG);
    await one.putOrigin(sampleOrigin("b"), LONG);
    await one.claimStream(claim("v/a/1", "a"));
    await one.claimStream(claim("v/a/2", "a"));
    await one.claimStream(claim("v/a/3", "a", "me", TTL));
    await one.claimStream(claim("v/a/1", "b"));
    await one.renewStreams([lease("v/a/2", "a", { confirmed: false })]);
    await settle();
    assert.equal(await loadOf(two, "a"), 3);
    await two.moveStream({ ...claim("v/a/1", "b"), from: "a" });
    await settle();
    assert.equal(await loadOf(one, "a"), 2);
    assert.equal(await loadOf(one, "b"), 1);
    await one.forgetStream({ stream: "v/a/2", origin: "a", claimant: "me", isUrgent: true });
    await settle();
    await pass(TTL + 1);
    await one.sweep();
    await two.sweep();
    assert.equal(await loadOf(two, "a"), 0);
    assert.equal(await loadOf(two, "b"), 1);
  },

  "every stream is on exactly one page": async ({ stores: [one] }) => {
    const names = Array.from({ length: 25 }, (_, index) => `v/a/${index}`);
    for (const name of names) await one.claimStream(claim(name, "a"));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await one.streams(after === undefined ? { limit: 10 } : { limit: 10, after });
      assert.ok(page.streams.length <= 10);
      seen.push(...page.streams.map(({ stream }) => stream));
      after = page.next;
    } while (after !== undefined);
    assert.deepEqual(seen.sort(), names.sort());
  },

  "a list continues where it was, whatever has been removed": async ({ stores: [one], pass }) => {
    for (const name of ["v/a/1", "v/a/2"]) await one.claimStream(claim(name, "a", "me", TTL));
    for (const name of ["v/a/3", "v/a/4"]) await one.claimStream(claim(name, "a", "me", LONG));
    const { next: after } = await one.streams({ limit: 3 });
    assert.ok(after);
    await pass(TTL + 1);
    await one.sweep();
    const { streams } = await one.streams({ limit: 3, after });
    assert.deepEqual(streams.map(({ stream }) => stream), ["v/a/4"]);
  },

  "an invented page cursor is refused": async ({ stores: [one] }) => {
    for (const after of ["x", "-1", "1.5"]) {
      await assert.rejects(
        async () => await one.streams({ limit: 10, after }),
        (error) => error instanceof ProxyError && error.code === "bad_request",
      );
    }
  },

  "sweeping reports what is left": async ({ stores: [one], pass }) => {
    await one.putOrigin(sampleOrigin("a"), TTL);
    await one.putOrigin(sampleOrigin("b"), LONG);
    await one.claimStream(claim("v/a/1", "a", "me", TTL));
    assert.deepEqual(await one.sweep(), { origins: 2, streams: 1 });
    await pass(TTL + 1);
    assert.deepEqual(await one.sweep(), { origins: 1, streams: 0 });
  },
};

/** Declares the suite for one kind of store. */
export function storeContract(name: string, open: OpenHarness): void {
  const tests = {
    ...ORIGIN_TESTS,
    ...CLAIM_TESTS,
    ...LEASE_TESTS,
    ...LIVE_TESTS,
    ...SESSION_TESTS,
    ...LIST_TESTS,
  };
  for (const [title, test] of Object.entries(tests)) {
    Deno.test(`${name} store: ${title}`, async () => {
      await using harness = await open(BOUNDS);
      await test(harness);
    });
  }
}
