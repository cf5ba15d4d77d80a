// The rules of mappings are written in TypeScript and in Lua. Every kind of mapping that may be found gets
// every kind of request in both, and the results must be equal. The Lua runs in the simulated Redis, which
// simulated_redis_test.ts compares with a real one. Nothing expires here: lifetimes are the stores' business.

import assert from "node:assert/strict";
import {
  claimed,
  isForgotten,
  moved,
  published,
  renewed,
} from "../../src/registry/mapping_rules.ts";
import { Keys } from "../../src/registry/redis/keys.ts";
import { Remote } from "../../src/registry/redis/remote.ts";
import { Unwritten } from "../../src/registry/redis/unwritten.ts";
import {
  type StreamOperation,
  toClaim,
  toForget,
  toLease,
  toSettle,
} from "../../src/registry/redis/stream_operations.ts";
import type { StreamLease, StreamRecord } from "../../src/registry/store.ts";
import { directCalls, SimulatedRedis } from "../support/simulated_redis.ts";
import { Counts } from "./counts.ts";

type Found = StreamRecord | undefined;

/** The same request to both. */
interface Case {
  readonly found: Found;
  readonly operation: StreamOperation;
  /** What holds afterwards by the rules in TypeScript. */
  readonly expected: Found;
}

const NOW = 1_700_000_000_000;
const LIFE = 60_000;
const CLAIMANTS = ["me", "you", ""];
const PUBLISHERS = ["me", "you", ""];
/** One in the future makes the next one rise by one instead of following the clock. */
const EPOCHS = [NOW - 1, NOW, NOW + 10];
const BOTH = [true, false];
const STREAM = { stream: "v/a/s" };

/** Every combination of one value from each list. */
function combinations<T extends object>(lists: { readonly [K in keyof T]: readonly T[K][] }): T[] {
  let all: Partial<T>[] = [{}];
  for (const name of Object.keys(lists) as (keyof T)[]) {
    all = all.flatMap((some) => lists[name].map((value) => ({ ...some, [name]: value })));
  }
  return all as T[];
}

const RECORDS = combinations<Omit<StreamRecord, "stream">>({
  origin: ["a"],
  claimant: CLAIMANTS,
  confirmed: BOTH,
  publisher: PUBLISHERS,
  epoch: EPOCHS,
}).map((record) => ({ ...STREAM, ...record }));
const FOUND: readonly Found[] = [undefined, ...RECORDS];
const CLAIMS = combinations<{ origin: string; claimant: string; publishes: boolean }>({
  origin: ["a", "b"],
  claimant: ["me"],
  publishes: BOTH,
}).map((claim) => ({ ...STREAM, ...claim, ttl: LIFE, candidates: [], wait: LIFE }));
const LEASES = combinations<Pick<StreamLease, "origin" | "confirmed" | "epoch" | "live">>({
  origin: ["a", "b"],
  confirmed: BOTH,
  epoch: EPOCHS,
  live: ["runs", "ended", "none"],
}).map((lease) => ({ ...STREAM, ...lease, claimant: "me", ttl: LIFE, liveTtl: LIFE }));

function casesOf<T>(asked: readonly T[], toCase: (found: Found, one: T) => Case): Case[] {
  return FOUND.flatMap((found) => asked.map((one) => toCase(found, one)));
}

const CASES: Readonly<Record<string, readonly Case[]>> = {
  "rule 1, claim": casesOf(CLAIMS, (found, claim) => {
    return {
      found,
      operation: toClaim("claim", claim, []),
      expected: claimed(found, claim, NOW),
    };
  }),

  "rule 2, move": casesOf(CLAIMS, (found, claim) => {
    const from = claim.publishes ? "a" : "c";
    const expected = moved(found, { ...claim, from }, NOW);
    return { found, operation: toClaim("move", claim, [from]), expected };
  }),

  "rule 3, publish": casesOf(LEASES.filter(({ live }) => live === "runs"), (found, lease) => {
    return {
      found,
      operation: toLease("publish", lease),
      expected: published(found, lease),
    };
  }),

  "rule 4, renew": casesOf(LEASES, (found, lease) => {
    return {
      found,
      operation: toLease("renew", lease),
      expected: renewed(found, lease) ?? found,
    };
  }),

  "rule 5, forget": casesOf(CLAIMS, (found, claim) => {
    const forgotten = { ...claim, isUrgent: true };
    const isGone = found === undefined || isForgotten(found, forgotten);
    return { found, operation: toForget(forgotten), expected: isGone ? undefined : found };
  }),

  "rule 7, what a proxy has decided alone": RECORDS.flatMap((found) => {
    return RECORDS.filter(({ claimant }) => claimant !== "you").flatMap((record) => {
      const ours = { ...record, origin: "b" };
      return [[], ["a"]].map((from) => settling(ours, found, from));
    });
  }),
};

/** @param from origins from which our side has taken the stream */
function settling(ours: StreamRecord, found: StreamRecord, from: readonly string[]): Case {
  const unwritten = new Unwritten(1);
  unwritten.addStream(ours.stream);
  for (const source of from) unwritten.addStream(ours.stream, { from: source });
  const holds = unwritten.judge(ours, found);
  const epoch = Math.max(ours.epoch, found.epoch);
  const untold = { sources: new Set(from), ended: undefined };
  const operation = toSettle({ record: ours, left: LIFE }, LIFE, untold);
  return { found, operation, expected: holds === ours ? { ...ours, epoch } : found };
}

/** What holds after each case by the rules in Lua. */
async function resultsInLua(cases: readonly Case[]): Promise<readonly Found[]> {
  const redis = new SimulatedRedis({ time: () => NOW });
  const keys = new Keys("");
  const operations = cases.map(({ found, operation }, at) => {
    const stream = `v/a/${at}`;
    const stored = { ...found, expires: NOW + LIFE, liveUntil: NOW + LIFE };
    if (found) redis.command("SET", keys.stream(stream), JSON.stringify(stored));
    return { ...operation, stream };
  });
  const limits = { maxOrigins: 1, maxStreams: cases.length, maxSessions: 1 };
  const remote = new Remote({ keys, limits, metrics: new Counts(), now: () => NOW });
  const { value } = await remote.streams(directCalls(redis), operations);
  return value.map((result) => {
    if (result.outcome === "holds") return { ...result.mapping.record, ...STREAM };
    assert.equal(result.outcome, "none");
    return undefined;
  });
}

for (const [rule, cases] of Object.entries(CASES)) {
  Deno.test(`the same in TypeScript and in Lua: ${rule}`, async () => {
    const results = await resultsInLua(cases);
    for (const [at, { found, operation, expected }] of cases.entries()) {
      assert.deepEqual({ found, operation, result: results[at] }, {
        found,
        operation,
        result: expected,
      });
    }
  });
}
