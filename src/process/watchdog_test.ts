import assert from "node:assert/strict";
import { until } from "../../tests/support/wait.ts";
import type { Heart } from "../core/ports.ts";
import { Watchdog } from "./watchdog.ts";

/** A heart that beats only when it is told to. */
class SlowHeart implements Heart {
  readonly name = "a thread";
  #beat = Promise.withResolvers<void>();

  beat(): Promise<void> {
    return this.#beat.promise;
  }

  beatOnce(): void {
    this.#beat.resolve();
    this.#beat = Promise.withResolvers();
  }
}

Deno.test("a watchdog speaks while every heart beats and is silent while one stands still", async () => {
  const heart = new SlowHeart();
  const still: string[] = [];
  let words = 0;
  using _watchdog = new Watchdog({
    patience: 40,
    hearts: [heart, { name: "quick", beat: () => Promise.resolve() }],
    tell: () => words++,
    onStill: (name) => still.push(name),
  });
  assert.equal(words, 1, "it speaks at once");
  await until("a heart that stands still", () => still.length > 0);
  assert.deepEqual(still, ["a thread"]);
  assert.equal(words, 1);
  heart.beatOnce();
  await until("another word", () => words > 1, { interval: 5 });
  await until("another still heart", () => still.length > 1);
  assert.deepEqual(still, ["a thread", "a thread"]);
});

Deno.test("a heart that fails silences the watchdog for good", async () => {
  const still: string[] = [];
  let words = 0;
  using _watchdog = new Watchdog({
    patience: 20,
    hearts: [{ name: "dead", beat: () => Promise.reject(new Error("dead")) }],
    tell: () => words++,
    onStill: (name) => still.push(name),
  });
  await until("the dead heart", () => still.length > 0);
  assert.equal(words, 1);
});

Deno.test("a watchdog without hearts speaks four times in its patience, and ends", async () => {
  let words = 0;
  const watchdog = new Watchdog({
    patience: 40,
    hearts: [],
    tell: () => words++,
    onStill: () => assert.fail(),
  });
  const startedAt = performance.now();
  await until("nine words", () => words >= 9, { interval: 1 });
  assert.ok(performance.now() - startedAt >= 75, "it speaks too often");
  watchdog[Symbol.dispose]();
});
