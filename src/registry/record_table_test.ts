import assert from "node:assert/strict";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { RecordTable } from "./record_table.ts";
import type { StreamRecord } from "./store.ts";

const BOUNDS = { maxOrigins: 3, maxStreams: 3 };

function mapping(stream: string, origin = "a", publisher = ""): StreamRecord {
  return { stream, origin, claimant: "me", confirmed: true, publisher, epoch: 1 };
}

function ownerAt(table: RecordTable, stream: string, now: number): string | undefined {
  return table.stream(stream, now)?.record.origin;
}

function publisherAt(table: RecordTable, stream: string, now: number): string | undefined {
  return table.stream(stream, now)?.record.publisher;
}

function originIds(table: RecordTable, now: number): string[] {
  return table.origins(now).map(({ origin }) => origin.id);
}

Deno.test("entries from before a freeze stay, later ones expire", () => {
  const table = new RecordTable(BOUNDS);
  table.putOrigin(sampleOrigin("old"), { expires: 100 }, 0);
  table.putStream(mapping("s-old"), { expires: 100 }, 0);
  table.freeze(50);
  table.putOrigin(sampleOrigin("new"), { expires: 100 }, 60);
  table.putStream(mapping("s-new"), { expires: 100 }, 60);
  assert.deepEqual(originIds(table, 1_000), ["old"]);
  assert.equal(ownerAt(table, "s-old", 1_000), "a");
  assert.equal(table.stream("s-new", 1_000), undefined);
  assert.equal(table.wasThereBefore("old"), true);
  assert.equal(table.wasThereBefore("new"), false);
  assert.equal(table.origins(1_000)[0]?.expiresIn, 0);
});

Deno.test("a freeze does not bring back expired entries", () => {
  const table = new RecordTable(BOUNDS);
  table.putOrigin(sampleOrigin("dead"), { expires: 100 }, 0);
  table.freeze(100);
  assert.deepEqual(originIds(table, 101), []);
});

Deno.test("after a freeze, kept entries live for the grace time and no longer", () => {
  const table = new RecordTable(BOUNDS);
  table.putOrigin(sampleOrigin("a"), { expires: 100 }, 0);
  table.putStream(mapping("s"), { expires: 5_000 }, 0);
  table.freeze(50);
  table.thaw(2_000, 10);
  assert.deepEqual(originIds(table, 2_009), ["a"]);
  assert.ok((table.originTimeLeft("a", 2_009) ?? 0) <= 0, "its time is over all the same");
  assert.deepEqual(originIds(table, 2_010), []);
  assert.equal(table.stream("s", 2_000)?.left, 3_000, "a longer life is not cut");
  assert.equal(table.wasThereBefore("a"), false);
});

Deno.test("in a full table expired entries make room for new ones", () => {
  const table = new RecordTable(BOUNDS);
  for (const stream of ["1", "2", "3"]) table.putStream(mapping(stream), { expires: 100 }, 0);
  table.freeze(50);
  assert.equal(table.putStream(mapping("4"), { expires: 900 }, 60), false);
  assert.equal(table.putStream(mapping("4"), { expires: 9_000 }, 2_000), true);
  assert.deepEqual([...table.streams(2_001)].map(({ stream }) => stream), ["4"]);
  assert.equal(table.origins(2_000).length, 0);
});

Deno.test("an older version changes nothing, one without a version is the newest", () => {
  const table = new RecordTable(BOUNDS);
  table.putStream(mapping("s", "b"), { expires: 100, version: 7 }, 0);
  assert.equal(table.putStream(mapping("s", "a"), { expires: 100, version: 6 }, 0), true);
  table.removeStream("s", 6);
  assert.equal(ownerAt(table, "s", 1), "b");
  table.putStream(mapping("s", "c"), { expires: 100 }, 0);
  assert.equal(ownerAt(table, "s", 1), "c");
  table.putStream(mapping("s", "d"), { expires: 100, version: 6 }, 0);
  assert.equal(ownerAt(table, "s", 1), "c", "the version of before still counts");
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

Deno.test("short freezes, one after the other, keep nothing alive", () => {
  const table = new RecordTable(BOUNDS);
  table.putOrigin(sampleOrigin("dead"), { expires: 3_000 }, 0);
  table.putStream(mapping("s"), { expires: 3_000 }, 0);
  for (let now = 0; now < 6_000; now += 500) {
    table.freeze(now);
    table.thaw(now + 250, 10_000);
  }
  assert.deepEqual(originIds(table, 6_000), []);
  assert.equal(table.stream("s", 6_000), undefined);
});

Deno.test("entries kept beyond their time are not written back", () => {
  const table = new RecordTable(BOUNDS);
  table.putStream(mapping("s"), { expires: 100 }, 0);
  table.freeze(50);
  assert.equal(ownerAt(table, "s", 5_000), "a");
  assert.deepEqual([...table.streams(5_000)], []);
  table.thaw(5_000, 10_000);
  assert.equal(ownerAt(table, "s", 6_000), "a");
  assert.deepEqual([...table.streams(6_000)], []);
});

Deno.test("a mapping is live until its lease is over", () => {
  const table = new RecordTable(BOUNDS);
  table.putStream(mapping("s", "a", "me"), { expires: 900, liveExpires: 100 }, 0);
  assert.equal(publisherAt(table, "s", 99), "me");
  assert.equal(publisherAt(table, "s", 100), "");
  assert.deepEqual(table.page({ limit: 9 }, 100).streams.map(({ publisher }) => publisher), [""]);
});

Deno.test("a mapping that was live when a freeze began is live until it ends, and for the grace time", () => {
  const table = new RecordTable(BOUNDS);
  table.putStream(mapping("s", "a", "me"), { expires: 90_000, liveExpires: 100 }, 0);
  table.putStream(mapping("was", "a", "me"), { expires: 90_000, liveExpires: 40 }, 0);
  table.freeze(50);
  assert.equal(publisherAt(table, "s", 5_000), "me");
  assert.equal(publisherAt(table, "was", 5_000), "");
  table.thaw(5_000, 1_000);
  assert.equal(publisherAt(table, "s", 5_999), "me");
  assert.equal(publisherAt(table, "s", 6_000), "");
});

Deno.test("if there is no room, a live stream replaces one that is not live", () => {
  const table = new RecordTable(BOUNDS);
  const life = { expires: 9_000, liveExpires: 9_000 };
  table.putStream(mapping("1", "a", "me"), life, 0);
  table.putStream(mapping("2"), life, 0);
  table.putStream(mapping("3"), life, 0);
  assert.equal(table.putStream(mapping("4"), life, 1), false);
  assert.equal(table.putStream(mapping("4", "a", "me"), life, 1), true);
  assert.equal(table.makeRoom(), true);
  assert.deepEqual([...table.streams(2)].map(({ stream }) => stream), ["1", "4"]);
  assert.equal(table.makeRoom(), false);
});
