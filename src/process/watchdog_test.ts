import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { pause } from "../core/clock.ts";
import type { Heart } from "../core/contracts.ts";
import { Watchdog } from "./watchdog.ts";

/** A heart that beats only when told to. */
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

Deno.test("a watchdog reports while every heart beats and is silent while one has stopped", async () => {
  const heart = new SlowHeart();
  const still: string[] = [];
  const clock = new VirtualClock();
  let words = 0;
  using _watchdog = new Watchdog({
    ...{ patience: 40, clock },
    hearts: [heart, { name: "quick", beat: () => Promise.resolve() }],
    tell: () => words++,
    onStill: (name) => still.push(name),
  });
  assert.equal(words, 1, "it speaks at once");
  await clock.pass(40);
  assert.deepEqual(still, ["a thread"], "told once");
  assert.equal(words, 2);
  heart.beatOnce();
  await clock.pass(10);
  assert.equal(words, 3);
  await clock.pass(10);
  assert.equal(words, 3);
  assert.deepEqual(still, ["a thread", "a thread"]);
});

Deno.test("a heart has a whole turn for its first beat, whenever the watchdog starts", async () => {
  const clock = new VirtualClock();
  await clock.pass(19);
  using _watchdog = new Watchdog({
    ...{ patience: 40, clock },
    hearts: [{ name: "slow", beat: () => pause(clock, 9) }],
    tell: () => {},
    onStill: (name) => assert.fail(`${name} is taken to be still`),
  });
  await clock.pass(100);
});

Deno.test("a heart that fails silences the watchdog for good", async () => {
  const still: string[] = [];
  const clock = new VirtualClock();
  let words = 0;
  using _watchdog = new Watchdog({
    ...{ patience: 20, clock },
    hearts: [{ name: "dead", beat: () => Promise.reject(new Error("dead")) }],
    tell: () => words++,
    onStill: (name) => still.push(name),
  });
  await clock.pass(100);
  assert.deepEqual(still, ["dead"]);
  assert.equal(words, 2);
});

Deno.test("a watchdog without hearts reports four times per period, until it is disposed of", async () => {
  const clock = new VirtualClock();
  let words = 0;
  const watchdog = new Watchdog({
    ...{ patience: 40, clock },
    hearts: [],
    tell: () => words++,
    onStill: () => assert.fail(),
  });
  await clock.pass(80);
  assert.equal(words, 9);
  watchdog[Symbol.dispose]();
  await clock.pass(80);
  assert.equal(words, 9);
});
