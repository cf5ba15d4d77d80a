import assert from "node:assert/strict";
import { sampleOrigin } from "../../tests/contract/sample_origin.ts";
import { firstByHash, firstWithRoomByHash } from "./rendezvous.ts";
import type { OriginRecord } from "./store.ts";

const STREAMS = Array.from({ length: 3_000 }, (_, index) => `__defaultVhost__/live/${index}`);

function records(loads: Readonly<Record<string, number>>): OriginRecord[] {
  return Object.entries(loads).map(([id, streams]) => {
    return { origin: sampleOrigin(id), streams, expiresIn: 1_000 };
  });
}

function choiceOf(stream: string, candidates: readonly OriginRecord[]): string | undefined {
  return firstByHash(stream, candidates)?.origin.id;
}

Deno.test("without candidates nothing is chosen", () => {
  assert.equal(firstByHash("v/a/s", []), undefined);
  assert.equal(firstWithRoomByHash("v/a/s", []), undefined);
});

Deno.test("the choice depends neither on the order nor on the load nor on object identity", () => {
  const candidates = records({ a: 0, b: 5, c: 9 });
  const others = records({ c: 0, a: 70, b: 1 });
  for (const stream of STREAMS) {
    assert.equal(choiceOf(stream, candidates), choiceOf(stream, others));
  }
});

Deno.test("the streams are spread evenly", () => {
  const candidates = records({ a: 0, b: 0, c: 0, "vid-0": 0, "vid-1": 0, "vid-10": 0 });
  const shares = new Map<string | undefined, number>();
  for (const stream of STREAMS) {
    const id = choiceOf(stream, candidates);
    shares.set(id, (shares.get(id) ?? 0) + 1);
  }
  assert.equal(shares.size, 6);
  for (const share of shares.values()) assert.ok(share > 400 && share < 600, `${share} of 3000`);
});

Deno.test("an origin that leaves moves only its own streams", () => {
  const all = records({ a: 0, b: 0, c: 0 });
  const left = all.filter(({ origin }) => origin.id !== "b");
  for (const stream of STREAMS) {
    const before = choiceOf(stream, all);
    if (before !== "b") assert.equal(choiceOf(stream, left), before);
  }
});

Deno.test("nobody gets more than a quarter over the fair share", () => {
  const loads: Record<string, number> = { a: 0, b: 0, c: 0, d: 0 };
  let unlike = 0;
  for (const stream of STREAMS) {
    const candidates = records(loads);
    const id = firstWithRoomByHash(stream, candidates)?.origin.id;
    assert.ok(id !== undefined);
    if (id !== choiceOf(stream, candidates)) unlike++;
    loads[id] = (loads[id] ?? 0) + 1;
    const most = Math.max(...Object.values(loads));
    assert.ok(most <= Math.ceil((1.25 * Object.values(loads).reduce((a, b) => a + b)) / 4));
  }
  assert.ok(unlike < STREAMS.length / 20, `${unlike} choices differ from that without loads`);
});

Deno.test("the fewest streams win when all others are over their share", () => {
  const candidates = records({ a: 100, b: 100, c: 0 });
  for (const stream of STREAMS) {
    assert.equal(firstWithRoomByHash(stream, candidates)?.origin.id, "c");
  }
});
