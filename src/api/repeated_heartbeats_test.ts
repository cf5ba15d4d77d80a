import assert from "node:assert/strict";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { ProxyError } from "../core/errors.ts";
import type { Origin } from "../core/origin.ts";
import { PrometheusMetrics } from "./metrics.ts";
import { RepeatedHeartbeats } from "./repeated_heartbeats.ts";

const MINUTE = 60_000;

function openWorld() {
  const clock = new VirtualClock();
  const metrics = new PrometheusMetrics();
  const registered: string[] = [];
  const world = { clock, metrics, registered, grounds: [{}, {}], isFull: false };
  const heartbeats = new RepeatedHeartbeats({
    ...{ clock, metrics },
    grounds: () => world.grounds,
    registrar: {
      register: ({ id }: Origin) => {
        if (world.isFull) throw new ProxyError("overloaded", "no room");
        registered.push(id);
        return Promise.resolve();
      },
    },
  });
  return { world, heartbeats };
}

Deno.test("what was accepted is accepted again and counted; anything else is not", async () => {
  const { world, heartbeats } = openWorld();
  assert.equal(await heartbeats.accept("one"), false);
  heartbeats.note("one", sampleOrigin("a"));
  heartbeats.note("two", sampleOrigin("b"));
  for (const verbatim of ["one", "two", "one"]) {
    assert.equal(await heartbeats.accept(verbatim), true);
  }
  assert.equal(await heartbeats.accept("One"), false);
  assert.deepEqual(world.registered, ["a", "b", "a"]);
  const { text } = await world.metrics.expose();
  assert.match(text, /srs_proxy_registrations_total\{result="accepted"\} 3\n/);
});

Deno.test("a heartbeat is checked again after a minute, and after any change of what decides", async () => {
  const { world, heartbeats } = openWorld();
  heartbeats.note("one", sampleOrigin("a"));
  await world.clock.pass(MINUTE - 1);
  assert.equal(await heartbeats.accept("one"), true);
  await world.clock.pass(1);
  assert.equal(await heartbeats.accept("one"), false, "being accepted does not prolong it");
  for (const at of [0, 1]) {
    heartbeats.note("one", sampleOrigin("a"));
    assert.equal(await heartbeats.accept("one"), true);
    world.grounds = world.grounds.with(at, {});
    assert.equal(await heartbeats.accept("one"), false);
  }
});

Deno.test("a heartbeat that the registry refuses is left to be refused in full", async () => {
  const { world, heartbeats } = openWorld();
  heartbeats.note("one", sampleOrigin("a"));
  world.isFull = true;
  assert.equal(await heartbeats.accept("one"), false);
  const { text } = await world.metrics.expose();
  assert.doesNotMatch(text, /result="accepted"\} [^0]/);
});

Deno.test("memory is bounded, whatever is sent", async () => {
  const { heartbeats } = openWorld();
  heartbeats.note("x".repeat(2_049), sampleOrigin("long"));
  assert.equal(await heartbeats.accept("x".repeat(2_049)), false);
  for (let at = 0; at < 2_001; at++) heartbeats.note(`${at}`, sampleOrigin("a"));
  assert.equal(await heartbeats.accept("0"), false, "the oldest makes room");
  assert.equal(await heartbeats.accept("1"), true);
});
