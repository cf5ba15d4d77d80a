import assert from "node:assert/strict";
import { LoopGuard } from "./loop_guard.ts";
import type { Address } from "../core/address.ts";
import type { Origin } from "../core/origin.ts";

function origin(generation = "1", id = "vid-1"): Origin {
  const at = (...ports: number[]) => ports.map((port) => ({ host: "10.0.0.1", port }));
  const endpoints = { rtmp: at(1935, 1936, 1937), http: at(8080), api: at(1985), srt: [], rtc: [] };
  return { id, generation, deviceId: "", ip: "10.0.0.1", endpoints };
}

/** Answers for the addresses of one port, and counts the questions. */
function asking(answers: Readonly<Record<number, boolean | undefined>>) {
  const asked: number[] = [];
  const ask = ({ port }: Address) => {
    asked.push(port);
    return Promise.resolve(port in answers ? answers[port] : false);
  };
  return { asked, ask };
}

Deno.test("an origin is asked once until it restarts, at two addresses of each protocol", async () => {
  const { asked, ask } = asking({});
  const guard = new LoopGuard({ rtmp: ask, http: ask, clock: { now: () => 0 } });
  await Promise.all([guard.isProxy(origin()), guard.isProxy(origin())]);
  assert.equal(await guard.isProxy(origin()), false);
  assert.deepEqual(asked, [1935, 1936, 8080, 1985]);
  assert.equal(await guard.isProxy(origin("2")), false);
  assert.equal(asked.length, 8);
});

Deno.test("one answer of a proxy is enough, whatever the other addresses say", async () => {
  for (const port of [1935, 1936, 8080, 1985]) {
    const { ask } = asking({ [port]: true, 1935: port === 1935 ? true : undefined });
    const guard = new LoopGuard({ rtmp: ask, http: ask, clock: { now: () => 0 } });
    assert.equal(await guard.isProxy(origin()), true, `${port}`);
    assert.equal(await guard.isProxy(origin()), true, `${port}`);
  }
});

Deno.test("a silent origin may register, and is asked again after a while", async () => {
  let now = 0;
  const { asked, ask } = asking({ 1935: undefined });
  const guard = new LoopGuard({ rtmp: ask, http: ask, clock: { now: () => now } });
  assert.equal(await guard.isProxy(origin()), false);
  assert.equal(await guard.isProxy(origin()), false);
  assert.equal(asked.length, 4);
  now += 61_000;
  assert.equal(await guard.isProxy(origin()), false);
  assert.equal(asked.length, 8);
});

Deno.test("a flood of names is not asked about all at once", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let asked = 0;
  const ask = () => {
    asked++;
    return promise;
  };
  const guard = new LoopGuard({ rtmp: ask, http: ask, clock: { now: () => 0 } });
  const all = Array.from({ length: 1_000 }, (_, index) => guard.isProxy(origin("1", `${index}`)));
  assert.equal(asked, 64 * 4);
  resolve(false);
  assert.ok((await Promise.all(all)).every((isProxy) => !isProxy));
});
