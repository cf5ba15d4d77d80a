// What every store must do with live streams: nobody moves them, and of several claims about one
// stream the right one wins. A part of storeContract.

import assert from "node:assert/strict";
import type { Store, StreamClaim, StreamLease, StreamRecord } from "../../src/registry/store.ts";
import { BOUNDS, isOverloaded, LONG, type Test, TTL } from "./store_harness.ts";

const STREAM = "v/a/s";

function claim(origin: string, claimant: string, more: Partial<StreamClaim> = {}): StreamClaim {
  const rest = { publishes: true, ttl: LONG, candidates: [], wait: LONG };
  return { stream: STREAM, origin, claimant, ...rest, ...more };
}

function publishing(
  origin: string,
  claimant: string,
  more: Partial<StreamLease> = {},
): StreamLease {
  const said = { confirmed: true, epoch: 0, ttl: LONG, live: "runs", liveTtl: LONG } as const;
  return { stream: STREAM, origin, claimant, ...said, ...more };
}

async function found(store: Store, stream = STREAM): Promise<Partial<StreamRecord>> {
  const { origin, publisher } = (await store.stream(stream))?.record ?? {};
  return { origin, publisher } as Partial<StreamRecord>;
}

/** A stream that is live at origin `a`, with its publisher at registry `one`. */
async function live(store: Store, more: Partial<StreamLease> = {}): Promise<StreamRecord> {
  const { epoch } = await store.claimStream(claim("a", "one"));
  return await store.publishStream(publishing("a", "one", { epoch, ...more }), LONG);
}

export const LIVE_TESTS: Readonly<Record<string, Test>> = {
  "a publisher makes its stream live": async ({ stores: [one, two], settle }) => {
    assert.equal((await live(one)).publisher, "one");
    await settle();
    assert.deepEqual(await found(two), { origin: "a", publisher: "one" });
    const { streams } = await two.streams({ limit: 10 });
    assert.deepEqual(streams.map(({ publisher }) => publisher), ["one"]);
  },

  "nobody moves a live stream": async ({ stores: [one, two], settle }) => {
    await live(one);
    await settle();
    for (const publishes of [true, false]) {
      const move = { ...claim("b", "two", { publishes }), from: "a" };
      assert.equal((await two.moveStream(move)).origin, "a");
      assert.equal((await one.moveStream(move)).origin, "a");
    }
    await settle();
    assert.deepEqual(await found(two), { origin: "a", publisher: "one" });
  },

  "a second publisher of a live stream is refused": async ({ stores: [one, two], settle }) => {
    await live(one);
    const other = await two.publishStream(publishing("b", "two", { epoch: 9e12 }), LONG);
    assert.deepEqual([other.origin, other.publisher], ["a", "one"]);
    await settle();
    assert.deepEqual(await found(one), { origin: "a", publisher: "one" });
  },

  "of 50 publishers at as many origins one remains": async ({ stores }) => {
    const said = await Promise.all(Array.from({ length: 50 }, async (_, at) => {
      const store = stores[at % 2]!;
      return await store.publishStream(publishing(`o${at}`, `${at}`), LONG);
    }));
    assert.equal(new Set(said.map(({ origin }) => origin)).size, 1);
    assert.equal(said.filter(({ origin }, at) => origin === `o${at}`).length, 1);
  },

  "a publisher moves a stream that is not live": async ({ stores: [one, two], settle }) => {
    const { epoch } = await one.claimStream(claim("a", "one"));
    await one.renewStreams([publishing("a", "one", { epoch, live: "none" })]);
    assert.equal((await two.publishStream(publishing("b", "two"), LONG)).origin, "b");
    await settle();
    assert.deepEqual(await found(one), { origin: "b", publisher: "two" });
  },

  "a stream is live until its lease expires": async ({ stores, pass, settle }) => {
    const [one, two] = stores;
    const { epoch } = await live(one, { liveTtl: TTL });
    await pass(TTL / 2);
    await one.renewStreams([publishing("a", "one", { epoch, liveTtl: TTL })]);
    await settle();
    await pass(TTL * 0.7);
    assert.deepEqual(await found(two), { origin: "a", publisher: "one" });
    await pass(TTL);
    assert.deepEqual(await found(two), { origin: "a", publisher: "" });
    assert.equal((await two.moveStream({ ...claim("b", "two"), from: "a" })).origin, "b");
  },

  "a stream is no longer live when its publisher says so": async ({ stores, settle }) => {
    const [one, two] = stores;
    const { epoch } = await live(one);
    await one.renewStreams([publishing("a", "one", { epoch, live: "ended" })]);
    await settle();
    assert.deepEqual(await found(two), { origin: "a", publisher: "" });
  },

  "what one registry says about its publisher does not affect another's": async (
    { stores: [one, two], settle },
  ) => {
    const { epoch } = await live(one);
    await two.publishStream(publishing("a", "two", { epoch }), LONG);
    await one.renewStreams([publishing("a", "one", { epoch })]);
    await settle();
    assert.deepEqual(await found(one), { origin: "a", publisher: "two" });
    await one.renewStreams([publishing("a", "one", { epoch, live: "ended" })]);
    await two.renewStreams([publishing("a", "viewers", { epoch, live: "none" })]);
    await settle();
    assert.deepEqual(await found(one), { origin: "a", publisher: "two" });
  },

  "a live lease beats a mapping that is not live, however late": async (
    { stores: [one, two], settle },
  ) => {
    const { epoch } = await two.claimStream(claim("b", "two"));
    await two.renewStreams([publishing("b", "two", { epoch, live: "none" })]);
    assert.deepEqual(await one.renewStreams([publishing("a", "one", { epoch: 1 })]), []);
    await settle();
    assert.deepEqual(await found(two), { origin: "a", publisher: "one" });
    // Leases that relied on the other mapping are not newer now.
    await two.renewStreams([publishing("b", "two", { epoch, live: "none" })]);
    await settle();
    assert.equal((await found(one)).origin, "a");
  },

  "a lease with a later epoch wins, one with an earlier epoch does not": async (
    { stores: [one, two], settle },
  ) => {
    const { epoch } = await two.claimStream(claim("b", "two"));
    const waiting = { live: "none", confirmed: false } as const;
    await one.renewStreams([publishing("a", "one", { ...waiting, epoch: epoch - 1 })]);
    await settle();
    assert.equal((await found(two)).origin, "b");
    await one.renewStreams([publishing("a", "one", { ...waiting, epoch: epoch + 1 })]);
    await settle();
    assert.equal((await found(two)).origin, "a");
  },

  "of two running publishers the later one is found, and the other one is told": async (
    { stores: [one, two], settle },
  ) => {
    const { epoch } = await live(one);
    assert.deepEqual(await two.renewStreams([publishing("b", "two", { epoch: epoch + 1 })]), []);
    const left = publishing("a", "one", { epoch });
    assert.deepEqual(await one.renewStreams([left]), [left]);
    await settle();
    assert.deepEqual(await found(one), { origin: "b", publisher: "two" });
  },

  "a claim that relies on a mapping extends it": async ({ stores: [one, two], pass, settle }) => {
    await one.claimStream(claim("a", "one", { ttl: TTL }));
    await two.claimStream(claim("b", "one", { ttl: TTL * 3 }));
    await settle();
    await pass(TTL * 2);
    assert.equal((await found(one)).origin, "a");
  },

  "a live stream is not forgotten": async ({ stores: [one, two], settle }) => {
    await live(one);
    await one.forgetStream({ stream: STREAM, origin: "a", claimant: "one", isUrgent: true });
    await settle();
    assert.equal((await found(two)).publisher, "one");
  },

  "streams that only viewers asked for give way to a publisher": async (
    { stores: [one, two], settle },
  ) => {
    await live(one);
    for (let at = 1; at < BOUNDS.maxStreams; at++) {
      await one.claimStream(claim("a", "v", { stream: `v/a/${at}`, publishes: false }));
    }
    const viewer = claim("a", "v", { stream: "v/a/viewer", publishes: false });
    await assert.rejects(async () => await one.claimStream(viewer), isOverloaded);
    await settle();
    const publisher = await two.claimStream(claim("b", "p", { stream: "v/a/new" }));
    assert.equal(publisher.origin, "b");
    await settle();
    assert.equal((await found(one)).publisher, "one");
    assert.equal((await one.sweep()).streams, BOUNDS.maxStreams);
  },
};
