import assert from "node:assert/strict";
import { pauseBefore } from "./pauses.ts";

Deno.test("pauses grow up to fifteen seconds", () => {
  const pauses = [0, 1, 2, 3, 4, 5, 1000].map((attempts) => pauseBefore(attempts, 0.5));
  assert.deepEqual(pauses, [1, 2, 4, 8, 15, 15, 15]);
});

Deno.test("viewers come back at different moments", () => {
  assert.equal(pauseBefore(4, 0), 12);
  assert.ok(pauseBefore(4, 0.999) > 17.9);
});
