import assert from "node:assert/strict";
import { ProtocolError, ProxyError } from "./errors.ts";
import { MemoryBudget, type MemoryHold, MemoryLimitError } from "./memory_budget.ts";

const LIMITS = { perConnection: 100, perAddress: 300, total: 1_000 };

function isLevel(level: string) {
  return (error: unknown) => error instanceof MemoryLimitError && error.level === level;
}

/** Takes ten bytes at a time until no more are given. */
function takeAll(hold: MemoryHold): number {
  try {
    for (;;) hold.take(10);
  } catch (error) {
    assert.ok(error instanceof ProxyError);
    return hold.taken;
  }
}

Deno.test("a connection over its limit is at fault, and takes nothing more", () => {
  const budget = new MemoryBudget(() => LIMITS);
  using hold = budget.open("a");
  hold.take(60);
  assert.throws(() => hold.take(41), ProtocolError);
  assert.deepEqual([hold.taken, budget.taken], [60, 60]);
  hold.take(40);
  assert.equal(budget.taken, 100);
});

Deno.test("connections of one address count together", () => {
  const budget = new MemoryBudget(() => LIMITS);
  using stack = new DisposableStack();
  const taken = Array.from({ length: 5 }, () => takeAll(stack.use(budget.open("a"))));
  assert.deepEqual(taken, [100, 100, 100, 0, 0]);
  assert.throws(() => stack.use(budget.open("a")).take(1), isLevel("address"));
  stack.use(budget.open("b")).take(100);
});

Deno.test("all addresses count together, and something is left for a newcomer", () => {
  const budget = new MemoryBudget(() => LIMITS);
  using stack = new DisposableStack();
  for (let address = 0; address < 6; address++) {
    for (let index = 0; index < 3; index++) takeAll(stack.use(budget.open(`greedy ${address}`)));
  }
  assert.ok(budget.taken <= 1_000);
  assert.throws(() => stack.use(budget.open("greedy 2")).take(10), isLevel("total"));
  stack.use(budget.open("newcomer")).take(10);
});

Deno.test("memory is returned to the byte, and no address is remembered", () => {
  const budget = new MemoryBudget(() => LIMITS);
  {
    using one = budget.open("a");
    using other = budget.open("a");
    one.take(70);
    one.give(30);
    other.take(50);
    assert.deepEqual([one.taken, other.taken, budget.taken], [40, 50, 90]);
    other.give(50);
    other.take(0);
    assert.equal(budget.taken, 40);
  }
  assert.deepEqual([budget.taken, budget.addresses], [0, 0]);
});

Deno.test("an identified client no longer counts, whatever it takes and gives afterwards", () => {
  const budget = new MemoryBudget(() => LIMITS);
  const hold = budget.open("a");
  hold.take(90);
  hold[Symbol.dispose]();
  hold[Symbol.dispose]();
  hold.take(1_000_000);
  hold.give(90);
  assert.deepEqual([hold.taken, budget.taken, budget.addresses], [0, 0, 0]);
});

Deno.test("changed limits apply at once", () => {
  const limits = { ...LIMITS };
  const budget = new MemoryBudget(() => limits);
  using hold = budget.open("a");
  hold.take(100);
  limits.perConnection = 200;
  hold.take(100);
  limits.perAddress = 150;
  assert.throws(() => hold.take(1), ProtocolError);
  hold.give(100);
  assert.throws(() => hold.take(60), isLevel("address"));
});
