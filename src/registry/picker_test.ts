import assert from "node:assert/strict";
import { type SampleOrigin, sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { candidatesFor, pickFewest } from "./picker.ts";
import type { OriginRecord } from "./store.ts";

function record(id: string, streams = 0, sample: SampleOrigin = {}): OriginRecord {
  return { origin: sampleOrigin(id, sample), streams, expiresIn: 1_000 };
}

function idsOf(records: readonly OriginRecord[]): string[] {
  return records.map(({ origin }) => origin.id);
}

function sequence(...numbers: number[]): () => number {
  return () => {
    const next = numbers.shift();
    assert.ok(next !== undefined, "drew too often");
    return next;
  };
}

const ALL_FINE = () => 0;

Deno.test("candidates offer the protocol", () => {
  const origins = [record("a"), record("b", 0, { offers: ["srt"] }), record("c")];
  const required = { protocol: "rtmp", failed: [] } as const;
  assert.deepEqual(idsOf(candidatesFor({ origins, setAsideFor: ALL_FINE }, required)), ["a", "c"]);
});

Deno.test("candidates have not failed this request", () => {
  const origins = [record("a"), record("b"), record("c")];
  const required = { protocol: "rtmp", failed: ["a", "c"] } as const;
  assert.deepEqual(idsOf(candidatesFor({ origins, setAsideFor: ALL_FINE }, required)), ["b"]);
  const none = { protocol: "rtmp", failed: ["a", "b", "c"] } as const;
  assert.deepEqual(candidatesFor({ origins, setAsideFor: ALL_FINE }, none), []);
});

Deno.test("origins set aside are candidates only if there are no others", () => {
  const origins = [record("a"), record("b"), record("c")];
  const required = { protocol: "rtmp", failed: [] } as const;
  const times = new Map([["a", 500], ["b", 300], ["c", 400]]);
  const setAsideFor = (id: string) => times.get(id) ?? 0;
  assert.deepEqual(idsOf(candidatesFor({ origins, setAsideFor }, required)), ["b"]);
  times.delete("c");
  assert.deepEqual(idsOf(candidatesFor({ origins, setAsideFor }, required)), ["c"]);
});

Deno.test("of two origins the one with fewer streams is picked, whichever is drawn first", () => {
  const candidates = [record("a", 5), record("b", 3), record("c", 4)];
  assert.equal(pickFewest(candidates, sequence(0, 0))?.origin.id, "b");
  assert.equal(pickFewest(candidates, sequence(0.4, 0.9))?.origin.id, "b");
  assert.equal(pickFewest(candidates, sequence(0, 0.9))?.origin.id, "c");
});

Deno.test("of two equals the first drawn is picked", () => {
  const candidates = [record("a"), record("b")];
  assert.equal(pickFewest(candidates, sequence(0, 0))?.origin.id, "a");
  assert.equal(pickFewest(candidates, sequence(0.5, 0))?.origin.id, "b");
});

Deno.test("the two drawn are never the same", () => {
  // If one could be drawn twice, the busiest of three would win now and then.
  const candidates = [record("a", 9), record("b"), record("c")];
  for (let first = 0; first < 1; first += 0.05) {
    for (let second = 0; second < 1; second += 0.05) {
      assert.notEqual(pickFewest(candidates, sequence(first, second))?.origin.id, "a");
    }
  }
});

Deno.test("a single candidate is picked, and none if there is none", () => {
  assert.equal(pickFewest([record("a")], sequence(0.99))?.origin.id, "a");
  assert.equal(pickFewest([], sequence(0.5)), undefined);
});

Deno.test("streams spread evenly over many origins", () => {
  const loads = new Map(Array.from({ length: 20 }, (_, index) => [`o${index}`, 0]));
  for (let stream = 0; stream < 2_000; stream++) {
    const candidates = [...loads].map(([id, streams]) => record(id, streams));
    const id = pickFewest(candidates, Math.random)?.origin.id ?? "";
    loads.set(id, (loads.get(id) ?? 0) + 1);
  }
  // A hundred each on average; drawing only one at random would be off by 20 to 30.
  for (const load of loads.values()) assert.ok(Math.abs(load - 100) <= 12, `${load} streams`);
});
