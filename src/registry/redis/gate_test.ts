import assert from "node:assert/strict";
import { Counts } from "../../../tests/contract/counts.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import type { RedisCalls } from "./calls.ts";
import { Gate } from "./gate.ts";

const CONNECTION: RedisCalls = {
  closed: new Promise(() => {}),
  command: () => Promise.resolve(null),
  run: () => Promise.resolve(null),
  close: () => {},
};

Deno.test("one late answer shuts the gate, and nobody waits any more", async () => {
  const clock = new VirtualClock();
  let shut = 0;
  const gate = new Gate({
    metrics: new Counts(),
    clock,
    connection: () => CONNECTION,
    onShut: () => shut++,
  });
  gate.open();
  assert.equal(await gate.ask(90, () => Promise.resolve("answer")), "answer");
  let isOver = false;
  const asked = gate.ask(90, () => new Promise(() => {})).finally(() => isOver = true);
  await clock.pass(99);
  assert.deepEqual([isOver, gate.isOpen], [false, true]);
  await clock.pass(1);
  assert.equal(await asked, undefined);
  assert.equal(gate.trouble, "Redis does not answer in time");
  assert.equal(await gate.ask(90, () => Promise.reject(new Error("Asked"))), undefined);
  assert.deepEqual([shut, clock.pending], [1, 0]);
});
