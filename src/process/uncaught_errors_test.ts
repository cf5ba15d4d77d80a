import assert from "node:assert/strict";
import { UncaughtErrors } from "./uncaught_errors.ts";

Deno.test("uncaught errors are reported, whether thrown or rejected", async () => {
  const provoke = [
    () =>
      queueMicrotask(() => {
        throw new Error("thrown");
      }),
    () => void Promise.reject(new Error("rejected")),
  ];
  for (const [index, act] of provoke.entries()) {
    using uncaught = new UncaughtErrors();
    act();
    const { error } = await uncaught.first;
    assert.equal((error as Error).message, ["thrown", "rejected"][index]);
  }
});
