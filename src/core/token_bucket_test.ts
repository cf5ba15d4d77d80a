import assert from "node:assert/strict";
import { TokenBucket } from "./token_bucket.ts";

Deno.test("a token bucket lets a burst through, then its rate", () => {
  const bucket = new TokenBucket({ rate: 10, burst: 3 });
  const taken = (now: number, tries: number) =>
    Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length;
  assert.equal(taken(1000, 10), 3);
  assert.equal(taken(1050, 10), 0);
  assert.equal(taken(1100, 10), 1);
  assert.equal(taken(1450, 10), 3);
  assert.equal(taken(100_000, 10), 3, "no more than a burst is saved up");
});
