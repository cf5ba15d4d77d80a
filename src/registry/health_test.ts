import assert from "node:assert/strict";
import { Health, type OriginDoor } from "./health.ts";

const A: OriginDoor = { origin: "a", protocol: "rtmp" };
const A_HTTP: OriginDoor = { origin: "a", protocol: "http" };
const D: OriginDoor = { origin: "d", protocol: "rtmp" };

function open(random = () => 0.999_999): Health {
  return new Health({ capacity: 3, random });
}

/** Fails, waits until the pause is over and fails again, this many times. @returns the pauses */
function failAgainAndAgain(health: Health, times: number): number[] {
  const pauses: number[] = [];
  let now = 0;
  for (let failure = 0; failure < times; failure++) {
    const pause = health.unreachable(A, now);
    pauses.push(Math.round(pause / 1_000));
    now += pause;
  }
  return pauses;
}

Deno.test("an unknown origin is not set aside", () => {
  assert.equal(open().setAsideFor(A, 0), 0);
});

Deno.test("the pause doubles from one second to one minute", () => {
  assert.deepEqual(failAgainAndAgain(open(), 9), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

Deno.test("the pause varies at random, by at most a quarter", () => {
  assert.equal(open(() => 0).unreachable(A, 0), 750);
  assert.equal(open(() => 0.5).unreachable(A, 0), 875);
});

Deno.test("failures of concurrent requests count as one", () => {
  const health = open();
  assert.ok(health.unreachable(A, 0) > 0);
  for (let request = 0; request < 100; request++) assert.equal(health.unreachable(A, 1), 0);
  assert.equal(Math.round(health.unreachable(A, 1_000)), 2_000);
});

Deno.test("the time left runs down to nothing", () => {
  const health = open();
  health.unreachable(A, 0);
  assert.equal(Math.round(health.setAsideFor(A, 400)), 600);
  assert.equal(health.setAsideFor(A, 1_000), 0);
});

Deno.test("an answer clears all failures", () => {
  const health = open();
  failAgainAndAgain(health, 5);
  assert.equal(health.reached(A, 40_000), true);
  assert.equal(health.reached(A, 40_000), false);
  assert.equal(Math.round(health.unreachable(A, 40_000)), 1_000);
});

Deno.test("after the pause one request tries the origin and the others stay away", () => {
  const health = open();
  health.unreachable(A, 0);
  health.used(A, 500);
  assert.equal(Math.round(health.setAsideFor(A, 500)), 500);
  assert.equal(health.setAsideFor(A, 1_000), 0);
  health.used(A, 1_000);
  assert.equal(health.setAsideFor(A, 1_000), 3_000);
  // It fails before the trial is over, and that counts.
  assert.equal(Math.round(health.unreachable(A, 2_000)), 2_000);
});

Deno.test("a trial that never ends makes way for the next", () => {
  const health = open();
  health.unreachable(A, 0);
  health.used(A, 1_000);
  assert.equal(health.setAsideFor(A, 4_000), 0);
  health.used(A, 4_000);
  assert.equal(health.setAsideFor(A, 4_000), 3_000);
});

Deno.test("using a healthy origin has no effect", () => {
  const health = open();
  health.used(A, 0);
  assert.equal(health.setAsideFor(A, 0), 0);
});

Deno.test("the number of origins is limited", () => {
  const health = open();
  for (const origin of ["a", "b", "c", "d"]) health.unreachable({ origin, protocol: "rtmp" }, 0);
  assert.equal(health.setAsideFor(A, 0), 0);
  assert.ok(health.setAsideFor(D, 0) > 0);
});

Deno.test("old failures are forgotten", () => {
  const health = open();
  health.unreachable(A, 0);
  health.sweep(5 * 60_000);
  assert.equal(Math.round(health.unreachable(A, 5 * 60_000)), 1_000);
});

Deno.test("each protocol is set aside separately, and a restart clears all", () => {
  const health = open();
  health.unreachable(A_HTTP, 0);
  health.unreachable(A, 500);
  assert.deepEqual(
    [health.setAsideFor(A, 500), health.setAsideFor(A_HTTP, 500)].map(Math.round),
    [1_000, 500],
  );
  assert.deepEqual(Object.keys(health.pausesOf("a", 500)), ["rtmp", "http"]);
  assert.equal(health.reached(A_HTTP, 500), true);
  assert.deepEqual(Object.keys(health.pausesOf("a", 500)), ["rtmp"]);
  health.unreachable(A_HTTP, 600);
  health.forgive("a", 700);
  assert.deepEqual(health.pausesOf("a", 700), {});
});
