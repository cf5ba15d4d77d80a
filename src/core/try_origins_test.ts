import assert from "node:assert/strict";
import { type ErrorCode, ProtocolError, ProxyError } from "./errors.ts";
import type { Address } from "./address.ts";
import { FailedAddresses } from "./failed_addresses.ts";
import type { Origin } from "./origin.ts";
import {
  DialBounds,
  MAX_DIALS,
  MAX_ORIGINS,
  type OriginSearch,
  tryOrigins,
} from "./try_origins.ts";

const DIAL_TIMEOUT = 2_000;

function originOf(id: string, addresses: number): Origin {
  const rtmp = Array.from({ length: addresses }, (_, index) => ({
    host: id,
    port: 1 + index,
  }));
  const endpoints = { rtmp, http: [], api: [], srt: [], rtc: [] };
  return { id, generation: "1", deviceId: "", ip: "192.0.2.1", endpoints };
}

/** The outcome of a dial: how long it takes, and its error if it fails. */
interface Outcome {
  readonly takes?: number;
  readonly throws?: unknown;
}

type Dial = (origin: string, address: Address, timeout: number) => Outcome;

/** What a test changes in the search. */
type SearchChanges =
  & Partial<Pick<OriginSearch<string>, "choose" | "reuse" | "timeout">>
  & { readonly dialAll?: (addresses: readonly Address[]) => Promise<string> };

/** A search among origins that are asked in order, with a clock that only dials advance. */
class World {
  now = 1_000;
  readonly dialled: string[] = [];
  readonly timeouts: number[] = [];
  readonly unreachable: string[] = [];
  readonly reached: string[] = [];
  readonly told: string[] = [];
  readonly counted: Record<string, number> = {};
  readonly failures = new FailedAddresses();
  isGone = false;
  readonly #origins: readonly Origin[];
  readonly #dial: Dial;

  constructor(origins: readonly Origin[], dial: Dial) {
    this.#origins = origins;
    this.#dial = dial;
  }

  search(more: SearchChanges = {}): Promise<string> {
    const ports = {
      resolver: {
        reached: (origin: string) => void this.reached.push(origin),
        unreachable: (origin: string) => void this.unreachable.push(origin),
      },
      metrics: {
        count: (_: string, labels: Readonly<Record<string, string>> = {}) => {
          const { result = "" } = labels;
          this.counted[result] = (this.counted[result] ?? 0) + 1;
        },
        gauge: () => {},
        observe: () => {},
      },
      clock: { now: () => this.now },
    };
    return tryOrigins<string>(ports, {
      protocol: "rtmp",
      timeout: 30_000,
      dialTimeout: DIAL_TIMEOUT,
      failures: this.failures,
      choose: (failed) => this.#choose(failed),
      dial: (address, timeout, { id }) => this.#dialled(id, address, timeout),
      failed: (origin, { code }) => this.told.push(`${origin} ${code}`),
      isGone: () => this.isGone,
      ...more,
    }).then(({ link }) => link);
  }

  #choose(failed: readonly string[]): Promise<Origin> {
    const left = this.#origins.find(({ id }) => !failed.includes(id));
    return left === undefined
      ? Promise.reject(new ProxyError("no_origin", "Cannot find one"))
      : Promise.resolve(left);
  }

  #dialled(id: string, address: Address, timeout: number): Promise<string> {
    this.dialled.push(`${id}:${address.port}`);
    this.timeouts.push(timeout);
    const { takes = 0, throws } = this.#dial(id, address, timeout);
    this.now += Math.min(takes, timeout);
    return throws === undefined ? Promise.resolve(`link to ${id}`) : Promise.reject(throws);
  }
}

function failWith(code: ErrorCode, takes = 0): Dial {
  return () => ({ takes, throws: new ProxyError(code, "Origin fails") });
}

function hasCode(code: ErrorCode) {
  return (error: unknown) => error instanceof ProxyError && error.code === code;
}

function many(count: number, addresses: number): Origin[] {
  return Array.from({ length: count }, (_, index) => originOf(`o${index}`, addresses));
}

Deno.test("a thousand dead origins of sixteen addresses cost one request a handful of dials", async () => {
  const world = new World(many(1_000, 16), failWith("origin_unreachable"));
  await assert.rejects(world.search(), hasCode("origin_unreachable"));
  assert.equal(world.dialled.length, MAX_DIALS);
  assert.deepEqual(world.unreachable, ["o0", "o1", "o2", "o3"]);
  assert.equal(world.unreachable.length, MAX_ORIGINS);
  assert.deepEqual(world.told, world.unreachable.map((id) => `${id} origin_unreachable`));
  assert.deepEqual(world.counted, { origin_unreachable: MAX_DIALS });
});

Deno.test("each origin that may still be tried has a dial left", () => {
  const addressesOf = (count: number) => originOf("o", count).endpoints.rtmp;
  const cases: [announced: readonly number[], dialled: readonly number[]][] = [
    [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]],
    [[16, 16, 16, 16, 16], [5, 1, 1, 1, 0]],
    [[2, 2, 2, 2, 2], [2, 2, 2, 2, 0]],
    [[1, 16, 1, 16], [1, 5, 1, 1]],
    [[1, 1, 1, 16], [1, 1, 1, 5]],
    [[0, 0, 8, 8], [0, 0, 7, 1]],
  ];
  for (const [announced, dialled] of cases) {
    const bounds = new DialBounds();
    assert.deepEqual(announced.map((count) => bounds.take(addressesOf(count)).length), dialled);
    assert.equal(bounds.areReached, true);
  }
});

Deno.test("the first address that answers ends the search", async () => {
  const world = new World([originOf("a", 2), originOf("b", 3)], (origin, { port }) => {
    return origin === "b" && port === 2 ? {} : failWith("origin_unreachable")(origin, at(port), 0);
  });
  assert.equal(await world.search(), "link to b");
  assert.deepEqual(world.dialled, ["a:1", "a:2", "b:1", "b:2"]);
  assert.deepEqual([world.unreachable, world.reached], [["a"], ["b"]]);
});

Deno.test("an address that has failed recently is tried after the others", async () => {
  let dead: readonly number[] = [1, 2];
  const world = new World([originOf("a", 8)], (origin, address) => {
    return dead.includes(address.port)
      ? failWith("origin_timeout", Infinity)(origin, address, 0)
      : {};
  });
  const dialled = async () => {
    world.dialled.length = 0;
    await world.search();
    return world.dialled;
  };
  assert.deepEqual(await dialled(), ["a:1", "a:2", "a:3"]);
  assert.deepEqual(await dialled(), ["a:3"]);
  dead = [3, 4, 5];
  world.now += 20_000;
  assert.deepEqual(await dialled(), ["a:3", "a:4", "a:5", "a:6"]);
  world.now += 10_000;
  assert.deepEqual(await dialled(), ["a:1"], "it is given another chance");
  dead = [1, 2, 3, 4, 6, 7, 8];
  await assert.rejects(world.search(), hasCode("origin_timeout"));
  assert.deepEqual(await dialled(), ["a:3", "a:4", "a:5"], "those that have failed longest ago");
});

for (
  const thrown of [
    new ProxyError("overloaded", "No descriptor left"),
    new ProxyError("client_gone", "Client has left"),
    new ProxyError("origin_refused", "Origin refuses whoever it is"),
    new ProtocolError("Cannot read what the client has sent"),
    new RangeError("a fault of our own"),
  ]
) {
  Deno.test(`${thrown.name} ${thrown.message} ends the search and counts against no origin`, async () => {
    const world = new World(many(3, 2), () => ({ throws: thrown }));
    await assert.rejects(world.search(), (error) => error === thrown);
    assert.deepEqual([world.dialled, world.unreachable], [["o0:1"], []]);
  });
}

Deno.test("all addresses of an origin share its time, and all origins that of the request", async () => {
  const world = new World(many(10, 2), failWith("origin_timeout", Infinity));
  const timeout = 2 * DIAL_TIMEOUT + 500;
  await assert.rejects(world.search({ timeout }), hasCode("origin_timeout"));
  assert.deepEqual(world.timeouts, [1_000, 1_000, 1_000, 1_000, 250, 250]);
  assert.equal(world.now, 1_000 + timeout);
  assert.deepEqual(world.unreachable, ["o0", "o1"], "the last one had no time to answer");
});

Deno.test("the error of an origin is reported rather than that there is no other", async () => {
  const world = new World([originOf("a", 1)], failWith("origin_unreachable"));
  await assert.rejects(world.search(), hasCode("origin_unreachable"));
  const empty = new World([], failWith("origin_unreachable"));
  await assert.rejects(empty.search(), hasCode("no_origin"));
});

Deno.test("an origin without an address is skipped and not set aside", async () => {
  const world = new World([originOf("a", 0), originOf("b", 1)], () => ({}));
  assert.equal(await world.search(), "link to b");
  assert.deepEqual([world.unreachable, world.told], [[], ["a origin_unreachable"]]);
});

Deno.test("a client that leaves ends the search", async () => {
  const world: World = new World(many(10, 1), (origin, address, timeout) => {
    world.isGone = origin === "o1";
    return failWith("origin_unreachable")(origin, address, timeout);
  });
  await assert.rejects(world.search(), hasCode("client_gone"));
  assert.deepEqual(world.dialled, ["o0:1", "o1:1"]);
});

Deno.test("addresses asked together count as one dial, and their silence is proof", async () => {
  const asked: number[][] = [];
  const world = new World([originOf("a", 3), originOf("b", 16), originOf("c", 1)], () => ({}));
  const link = await world.search({
    // The addresses have their full time, however little is left of the request's.
    timeout: 1,
    dialAll: (addresses) => {
      asked.push(addresses.map(({ port }) => port));
      if (asked.length === 3) return Promise.resolve("link");
      return Promise.reject(new ProxyError("origin_timeout", "Origin does not answer"));
    },
  });
  assert.equal(link, "link");
  assert.deepEqual(asked, [[1, 2, 3], [1, 2, 3], [1]]);
  assert.deepEqual([world.unreachable, world.reached], [["a", "b"], ["c"]]);
  assert.deepEqual(world.counted, { origin_timeout: 2, reached: 1 });
});

Deno.test("an origin that is chosen for a client that has left is not dialled", async () => {
  const world = new World(many(2, 1), () => ({}));
  const choose = () => {
    world.isGone = true;
    return Promise.resolve(originOf("late", 1));
  };
  await assert.rejects(world.search({ choose }), hasCode("client_gone"));
  assert.deepEqual([world.dialled, world.told], [[], []]);
});

Deno.test("an existing link is used without a dial, and its error is not retried elsewhere", async () => {
  const world = new World(many(2, 1), () => ({}));
  assert.equal(await world.search({ reuse: ({ id }) => Promise.resolve(`kept ${id}`) }), "kept o0");
  const failure = new ProxyError("origin_timeout", "Origin does not answer");
  const failing = world.search({ reuse: () => Promise.reject(failure) });
  await assert.rejects(failing, (error) => error === failure);
  assert.deepEqual([world.dialled, world.unreachable], [[], []]);
});

function at(port: number): Address {
  return { host: "192.0.2.1", port };
}
