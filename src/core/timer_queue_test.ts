import assert from "node:assert/strict";
import { TimerQueue } from "./timer_queue.ts";

Deno.test("timers fire in order of time, and of setting if the time is the same", () => {
  const queue = new TimerQueue(1_000);
  const seen: string[] = [];
  for (const [delay, name] of [[30, "c"], [10, "a"], [20, "b1"], [20, "b2"]] as const) {
    queue.after(delay, () => seen.push(name));
  }
  assert.equal(queue.untilNext, 10);
  queue.advance(1_009);
  assert.deepEqual(seen, []);
  queue.advance(1_020);
  assert.deepEqual(seen, ["a", "b1", "b2"]);
  assert.equal(queue.untilNext, 10);
  queue.advance(5_000);
  assert.deepEqual(seen, ["a", "b1", "b2", "c"]);
  assert.equal(queue.untilNext, Infinity);
});

Deno.test("a cancelled timer does not fire, even if one of the same time cancels it", () => {
  const queue = new TimerQueue(0);
  const seen: string[] = [];
  using _none = queue.after(5, () => seen.push("never"));
  _none[Symbol.dispose]();
  queue.after(10, () => second[Symbol.dispose]());
  const second = queue.after(10, () => seen.push("called off by the first"));
  queue.after(10, () => seen.push("third"));
  assert.equal(queue.untilNext, 10);
  queue.advance(10);
  assert.deepEqual(seen, ["third"]);
});

Deno.test("a timer set by a timer waits for the next call, even without delay", () => {
  const queue = new TimerQueue(0);
  let turns = 0;
  const again = () => {
    turns++;
    queue.after(0, again);
  };
  again();
  queue.advance(1);
  assert.equal(turns, 2);
  queue.advance(1);
  assert.equal(turns, 3);
  assert.equal(queue.untilNext, 0);
});

Deno.test("a periodic timer runs until it is cancelled, possibly by itself", () => {
  const queue = new TimerQueue(0);
  let ticks = 0;
  const timer = queue.every(10, () => {
    if (++ticks === 3) timer[Symbol.dispose]();
  });
  for (let now = 0; now <= 100; now++) queue.advance(now);
  assert.equal(ticks, 3);
  assert.equal(queue.untilNext, Infinity);
});

Deno.test("time never goes back", () => {
  const queue = new TimerQueue(100);
  queue.advance(50);
  assert.equal(queue.now(), 100);
});

Deno.test("cancelled timers are forgotten, and the order is kept", () => {
  const queue = new TimerQueue(0);
  const seen: number[] = [];
  const timers = Array.from({ length: 10_000 }, (_, at) => {
    const due = (at * 7_919) % 10_007;
    return { due, timer: queue.after(due, () => seen.push(due)) };
  });
  const kept = timers.filter(({ timer }, at) => {
    if (at % 10 === 0) return true;
    timer[Symbol.dispose]();
    return false;
  });
  queue.advance(20_000);
  assert.deepEqual(seen, kept.map(({ due }) => due).sort((one, other) => one - other));
});
