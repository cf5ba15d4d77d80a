import assert from "node:assert/strict";
import { ExpiringMap } from "./expiring_map.ts";

Deno.test("an entry lives for the time to live and no longer", () => {
  const map = new ExpiringMap<string, number>({ capacity: 10, ttl: 100 });
  map.set("a", 1, 1_000);
  assert.equal(map.get("a", 1_099), 1);
  assert.equal(map.get("a", 1_100), undefined);
  assert.deepEqual([...map.entries(1_100)], []);
});

Deno.test("storing an entry again renews it, reading it does not", () => {
  const map = new ExpiringMap<string, number>({ capacity: 10, ttl: 100 });
  map.set("read", 1, 0);
  map.set("stored", 1, 0);
  assert.equal(map.get("read", 90), 1);
  map.set("stored", 2, 90);
  assert.deepEqual([...map.entries(150)], [["stored", 2]]);
});

Deno.test("a full map drops its oldest entry only for a new key", () => {
  const map = new ExpiringMap<string, number>({ capacity: 2, ttl: 100 });
  assert.equal(map.set("a", 1, 0), undefined);
  assert.equal(map.set("b", 2, 1), undefined);
  assert.equal(map.set("a", 3, 2), undefined, "a known key needs no room");
  assert.deepEqual(map.set("c", 4, 3), ["b", 2]);
  assert.deepEqual([...map.entries(3)], [["a", 3], ["c", 4]]);
});

Deno.test("a hundred thousand keys leave no more than the capacity", () => {
  const map = new ExpiringMap<number, number>({ capacity: 1_000, ttl: 1e9 });
  for (let key = 0; key < 100_000; key++) map.set(key, key, key);
  assert.equal(map.size, 1_000);
  assert.equal(map.get(98_999, 100_000), undefined);
  assert.equal(map.get(99_000, 100_000), 99_000);
});

Deno.test("expiring removes and returns what has expired, oldest first", () => {
  const map = new ExpiringMap<string, number>({ capacity: 10, ttl: 100 });
  map.set("a", 1, 0);
  map.set("b", 2, 10);
  map.set("c", 3, 20);
  assert.deepEqual(map.expire(110), [["a", 1], ["b", 2]]);
  assert.equal(map.size, 1);
  assert.deepEqual(map.expire(110), []);
});

Deno.test("deleting tells whether the entry was alive", () => {
  const map = new ExpiringMap<string, number>({ capacity: 10, ttl: 100 });
  map.set("a", 1, 0);
  map.set("b", 2, 0);
  assert.equal(map.delete("a", 50), true);
  assert.equal(map.delete("a", 50), false);
  assert.equal(map.delete("b", 100), false);
  assert.equal(map.size, 0);
});
