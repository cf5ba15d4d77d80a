import assert from "node:assert/strict";
import { until } from "../../tests/support/wait.ts";
import { SharedTally, tallyMemory } from "./shared_tally.ts";

const BOUNDS = { perAddress: 3, total: 5 };

Deno.test("neither an address nor all together exceed their limit", () => {
  const memory = tallyMemory(10, 2);
  const [one, other] = [new SharedTally(memory, 0), new SharedTally(memory, 1)];
  assert.equal(one.add("192.0.2.1", 1, BOUNDS), undefined);
  assert.equal(other.add("192.0.2.1", 2, BOUNDS), undefined);
  assert.equal(one.add("192.0.2.1", 1, BOUNDS), "address");
  assert.equal(one.add("::ffff:192.0.2.1", 1, BOUNDS), "address");
  assert.equal(one.add("192.0.2.2", 2, BOUNDS), undefined);
  assert.equal(one.add("192.0.2.3", 1, BOUNDS), "total");
  assert.deepEqual([one.of("192.0.2.1"), other.of("192.0.2.2"), one.total], [3, 2, 5]);
  other.remove("192.0.2.1", 2);
  assert.deepEqual([one.of("192.0.2.1"), one.total], [1, 3]);
  assert.equal(one.add("192.0.2.3", 1, BOUNDS), undefined);
});

Deno.test("addresses of one /64 count as one, and IPv4 separately", () => {
  const tally = new SharedTally(tallyMemory(10, 1), 0);
  const bounds = { perAddress: 10, total: 100 };
  for (const ip of ["2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::1", "::1", "0.0.0.1"]) {
    assert.equal(tally.add(ip, 1, bounds), undefined);
  }
  assert.equal(tally.of("2001:db8::ffff"), 2);
  assert.equal(tally.of("2001:db8:0:1::9"), 1);
  assert.equal(tally.of("::1"), 1);
  assert.equal(tally.of("0.0.0.1"), 1);
});

Deno.test("unused slots are given to other addresses", () => {
  const tally = new SharedTally(tallyMemory(64, 1), 0);
  const bounds = { perAddress: 1, total: 64 };
  for (let at = 0; at < 20_000; at++) {
    const ip = `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`;
    assert.equal(tally.add(ip, 1, bounds), undefined, ip);
    assert.equal(tally.of(ip), 1);
    if (at >= 32) {
      const old = at - 32;
      tally.remove(`10.${old >> 16}.${(old >> 8) & 255}.${old & 255}`, 1);
    }
  }
  assert.equal(tally.total, 32);
});

Deno.test("a retired column no longer counts, and can be reused", () => {
  const memory = tallyMemory(10, 2);
  const [one, other] = [new SharedTally(memory, 0), new SharedTally(memory, 1)];
  one.add("192.0.2.1", 2, BOUNDS);
  other.add("192.0.2.1", 1, BOUNDS);
  other.retire(0);
  assert.deepEqual([other.of("192.0.2.1"), other.total], [1, 1]);
  // It does not know yet that it has failed.
  one.add("192.0.2.1", 1, BOUNDS);
  one.remove("192.0.2.1", 2);
  assert.deepEqual([other.of("192.0.2.1"), other.total], [1, 1]);
  other.clear(0);
  assert.deepEqual([other.of("192.0.2.1"), other.total], [1, 1]);
  assert.equal(new SharedTally(memory, 0).add("192.0.2.9", 3, BOUNDS), undefined);
  assert.equal(other.total, 4);
});

Deno.test("a thread that died while giving a slot away blocks nobody", () => {
  const memory = tallyMemory(10, 3);
  const other = new SharedTally(memory, 1);
  assert.equal(other.add("192.0.2.1", 1, BOUNDS), undefined);
  const keys = new BigInt64Array(memory.keys);
  const slot = keys.findIndex((key, at) => at > 0 && key !== 0n);
  // The state that a thread leaves if it dies while checking this slot.
  new BigInt64Array(memory.lock, 8)[0] = keys[slot]!;
  new Int32Array(memory.lock).set([1, slot]);
  keys[slot] = -1n;
  other.retire(0);
  assert.equal(other.add("192.0.2.9", 1, BOUNDS), undefined);
  assert.equal(other.of("192.0.2.1"), 1);
  assert.equal(new SharedTally(memory, 2).add("192.0.2.1", 1, BOUNDS), undefined);
  assert.deepEqual([other.of("192.0.2.1"), other.of("192.0.2.9"), other.total], [2, 1, 3]);
  other.clear(0);
  assert.deepEqual([other.of("192.0.2.1"), other.total], [2, 3]);
});

Deno.test("a thread that keeps the lock only prevents new addresses", () => {
  const memory = tallyMemory(10, 2);
  const other = new SharedTally(memory, 1);
  assert.equal(other.add("192.0.2.1", 1, BOUNDS), undefined);
  new Int32Array(memory.lock)[0] = 1;
  assert.equal(other.add("192.0.2.9", 1, BOUNDS), "total");
  assert.equal(other.add("192.0.2.1", 1, BOUNDS), undefined);
  other.remove("192.0.2.1", 2);
  assert.equal(other.total, 0);
});

/** Adds and removes as fast as it can for a few addresses, then reports how often it was allowed to. */
const HAMMER = `
  import { SharedTally } from ${JSON.stringify(import.meta.resolve("./shared_tally.ts"))};
  onmessage = ({ data: { memory, column, rounds, stop } }) => {
    const tally = new SharedTally(memory, column);
    const bounds = { perAddress: 2, total: 6 };
    let seed = column + 1, passed = 0, taken = 0;
    const held = [];
    for (let round = 0; round < rounds && !(stop && Atomics.load(stop, 0)); round++) {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      const ip = "10.0.0." + ((seed >> 8) % 40);
      if (tally.add(ip, 1, bounds) === undefined) { held.push(ip); taken++; }
      if (tally.total > 6 + 3) passed++;
      if (held.length > 1 || round % 3 === 0) { const out = held.shift(); if (out) tally.remove(out, 1); }
    }
    for (const ip of held) tally.remove(ip, 1);
    postMessage({ taken, passed });
  };
`;

Deno.test("threads that count concurrently lose nothing and exceed no limit", async () => {
  const memory = tallyMemory(16, 4);
  const url = URL.createObjectURL(new Blob([HAMMER], { type: "text/javascript" }));
  const results = await Promise.all([1, 2, 3].map((column) => {
    const worker = new Worker(url, { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<{ taken: number; passed: number }>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ memory, column, rounds: 5_000 });
    return promise.finally(() => worker.terminate());
  }));
  URL.revokeObjectURL(url);
  const tally = new SharedTally(memory, 0);
  assert.equal(tally.total, 0);
  for (let last = 0; last < 40; last++) assert.equal(tally.of(`10.0.0.${last}`), 0);
  for (const { taken, passed } of results) {
    assert.ok(taken > 500, `${taken} were let`);
    assert.equal(passed, 0);
  }
});

Deno.test("threads that keep counting in retired columns disturb nobody", async () => {
  const memory = tallyMemory(16, 3);
  const tally = new SharedTally(memory, 0);
  const url = URL.createObjectURL(new Blob([HAMMER], { type: "text/javascript" }));
  for (let round = 0; round < 3; round++) {
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const ends = [1, 2].map((column) => {
      const worker = new Worker(url, { type: "module" });
      const { promise, resolve } = Promise.withResolvers<void>();
      worker.onmessage = () => resolve();
      worker.postMessage({ memory, column, rounds: Infinity, stop });
      return promise.finally(() => worker.terminate());
    });
    await until("both count", () => tally.total > 1, { interval: 1 });
    for (const column of [1, 2]) tally.retire(column);
    assert.equal(tally.total, 0);
    for (let last = 0; last < 6; last++) {
      assert.equal(tally.add(`10.0.1.${last}`, 1, { perAddress: 1, total: 6 }), undefined);
      assert.equal(tally.of(`10.0.1.${last}`), 1);
    }
    assert.equal(tally.add("10.0.1.9", 1, { perAddress: 1, total: 6 }), "total");
    for (let last = 0; last < 6; last++) tally.remove(`10.0.1.${last}`, 1);
    Atomics.store(stop, 0, 1);
    await Promise.all(ends);
    for (const column of [1, 2]) tally.clear(column);
    assert.deepEqual([tally.total, tally.size], [0, 0]);
  }
  URL.revokeObjectURL(url);
});
