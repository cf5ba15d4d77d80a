import assert from "node:assert/strict";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { RecordTable } from "./record_table.ts";
import type { StreamRecord } from "./store.ts";

const BOUNDS = { maxOrigins: 3, maxStreams: 3 };

function mapping(stream: string, origin = "a"): StreamRecord {
  return { stream, origin, claimant: "me", confirmed: true };
}

function originIds(table: RecordTable, now: number): string[] {
  return table.origins(now).map(({ origin }) => origin.id);
}

Deno.test("what was there before a hold stays, what comes later expires", () => {
  const table = new RecordTable(BOUNDS);
  table.putOrigin(sampleOrigin("old"), { expires: 100 }, 0);
  table.putStream(mapping("s-old"), { expires: 100 }, 0);
  table.hold(50);
  table.putOrigin(sampleOrigin("new"), { expires: 100 }, 60);
  table.putStream(mapping("s-new"), { expires: 100 }, 60);
  assert.deepEqual(originIds(table, 1_000), ["old"]);
  assert.equal(table.stream("s-old", 1_000)?.origin, "a");
  assert.equal(table.stream("s-new", 1_000), undefined);
  assert.equal(table.wasThereBefore("old"), true);
  assert.equal(table.wasThereBefore("new"), false);
  assert.equal(table.origins(1_000)[0]?.expiresIn, 0);
});

Deno.test("a hold raises nothing from the dead", () => {
  const table = new RecordTable(BOUNDS);
  table.putOrigin(sampleOrigin("dead"), { expires: 100 }, 0);
  table.hold(100);
  assert.deepEqual(originIds(table, 101), []);
});

Deno.test("after a hold what it has kept lives for the time of grace, and no longer", () => {
  const table = new RecordTable(BOUNDS);
  table.putOrigin(sampleOrigin("a"), { expires: 100 }, 0);
  table.putStream(mapping("s"), { expires: 5_000 }, 0);
  table.hold(50);
  table.release(1_000, 10);
  assert.deepEqual(originIds(table, 1_009), ["a"]);
  assert.deepEqual(originIds(table, 1_010), []);
  assert.equal(table.streamTimeLeft("s", 1_000), 4_000, "a longer life is not cut");
  assert.equal(table.wasThereBefore("a"), false);
});

Deno.test("in a full table what is overdue makes room for what is new", () => {
  const table = new RecordTable(BOUNDS);
  for (const stream of ["1", "2", "3"]) table.putStream(mapping(stream), { expires: 100 }, 0);
  table.hold(50);
  assert.equal(table.putStream(mapping("4"), { expires: 900 }, 60), false);
  assert.equal(table.putStream(mapping("4"), { expires: 9_000 }, 2_000), true);
  assert.deepEqual([...table.streams(2_000)].map(({ stream }) => stream), ["4"]);
  assert.equal(table.origins(2_000).length, 0);
});

Deno.test("an older version changes nothing, one without a version is the newest", () => {
  const table = new RecordTable(BOUNDS);
  table.putStream(mapping("s", "b"), { expires: 100, version: 7 }, 0);
  assert.equal(table.putStream(mapping("s", "a"), { expires: 100, version: 6 }, 0), true);
  table.removeStream("s", 6);
  assert.equal(table.stream("s", 1)?.origin, "b");
  table.putStream(mapping("s", "c"), { expires: 100 }, 0);
  assert.equal(table.stream("s", 1)?.origin, "c");
  table.putStream(mapping("s", "d"), { expires: 100, version: 6 }, 0);
  assert.equal(table.stream("s", 1)?.origin, "c", "the version of before still counts");
  table.removeStream("s", 7);
  assert.equal(table.stream("s", 1), undefined);
});

Deno.test("loads follow every change of a mapping", () => {
  const table = new RecordTable(BOUNDS);
  for (const id of ["a", "b"]) table.putOrigin(sampleOrigin(id), { expires: 100 }, 0);
  table.putStream(mapping("1", "a"), { expires: 100 }, 0);
  table.putStream(mapping("2", "a"), { expires: 100 }, 0);
  table.putStream(mapping("2", "b"), { expires: 100 }, 0);
  table.removeStream("1");
  table.removeStream("unknown");
  assert.deepEqual(table.origins(1).map(({ streams }) => streams), [0, 1]);
});
