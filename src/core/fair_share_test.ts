import assert from "node:assert/strict";
import { FairShare, type Share } from "./fair_share.ts";

/** Takes single units until none is left. */
function takeAll(share: Share): number {
  let units = 0;
  while (share.grow(1)) units++;
  return units;
}

Deno.test("a holder that wants everything gets half, the next half of the rest, and so on", () => {
  const shared = new FairShare(1000);
  const taken = ["a", "b", "c", "d"].map((holder) => takeAll(shared.open(holder)));
  assert.deepEqual(taken, [500, 250, 125, 63]);
});

Deno.test("there is something for a newcomer, however many want everything", () => {
  const shared = new FairShare(1000);
  for (let greedy = 0; greedy < 9; greedy++) takeAll(shared.open(`greedy ${greedy}`));
  assert.ok(shared.open("newcomer").grow(1));
});

Deno.test("all shares of one holder count together", () => {
  const shared = new FairShare(100);
  const shares = Array.from({ length: 60 }, () => shared.open("a"));
  assert.equal(shares.filter((share) => share.grow(1)).length, 50);
});

Deno.test("returned units are available again, and no holder is remembered", () => {
  const shared = new FairShare(100);
  for (let round = 0; round < 3; round++) {
    using one = shared.open("a");
    using other = shared.open("b");
    assert.ok(one.grow(30));
    assert.ok(one.grow(20));
    assert.ok(!one.grow(1), "what it does not get it does not owe");
    assert.ok(other.grow(25));
    assert.equal(shared.taken, 75);
  }
  assert.deepEqual([shared.taken, shared.holders], [0, 0]);
});

Deno.test("nothing taken is nothing held", () => {
  const shared = new FairShare(1);
  const share = shared.open("a");
  assert.ok(share.grow(0));
  assert.equal(shared.holders, 0);
  share[Symbol.dispose]();
  share[Symbol.dispose]();
  assert.equal(shared.taken, 0);
});
