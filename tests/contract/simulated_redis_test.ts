// The simulated Redis of the model test replies like a real one: both get a long random sequence of
// the program's calls, including foreign values under its keys and full tables, and every reply and
// message is compared.

import assert from "node:assert/strict";
import type { RedisCalls, Reply } from "../../src/registry/redis/calls.ts";
import { RedisConnection } from "../../src/registry/redis/connection.ts";
import { Keys } from "../../src/registry/redis/keys.ts";
import { Remote } from "../../src/registry/redis/remote.ts";
import type { StreamOperation } from "../../src/registry/redis/stream_operations.ts";
import { say } from "../../scripts/say.ts";
import { pick, randomNumbers } from "../support/random_text.ts";
import { RedisServer } from "../support/redis_server.ts";
import { directCalls, SimulatedRedis } from "../support/simulated_redis.ts";
import { pause, until } from "../support/wait.ts";
import { Counts } from "./counts.ts";
import { sampleOrigin } from "./sample_origin.ts";

const STEPS = 600;
const LIMITS = { maxOrigins: 4, maxStreams: 5, maxSessions: 3 };
/** How much times may differ between two clocks and two connections to Redis, milliseconds. */
const TOLERANCE = 1_000;
const SHORT = 30;
const LONG = 60_000;
/** Makes both give the same numbers to changes. */
const FIRST_VERSION = String(2e15);
const STREAMS = ["v/a/1", "v/a/2", "v/a/3", "v/a/4", "v/a/5", "v/a/ü/6", "v/a/7"];
const KINDS = ["claim", "move", "publish", "renew", "forget", "settle"] as const;
const NAMES = ["a", "b", "c", "d", "e"];

type Random = (below: number) => number;

/** A call given to both. */
interface Step {
  readonly give: (remote: Remote, calls: RedisCalls) => Promise<unknown>;
  /** Whether something may expire soon, before which nothing else must be done. */
  readonly isShort: boolean;
}

/** Passes calls on and records the replies. */
class Recorder implements RedisCalls {
  readonly closed: Promise<Error>;
  readonly replies: Reply[] = [];
  readonly #calls: RedisCalls;

  constructor(calls: RedisCalls) {
    this.#calls = calls;
    this.closed = calls.closed;
  }

  command(...args: readonly string[]): Promise<Reply> {
    return this.#record(this.#calls.command(...args));
  }

  run(...args: Parameters<RedisCalls["run"]>): Promise<Reply> {
    return this.#record(this.#calls.run(...args));
  }

  close(why: Error): void {
    this.#calls.close(why);
  }

  async #record(replied: Promise<Reply>): Promise<Reply> {
    try {
      const reply = await replied;
      this.replies.push(reply);
      return reply;
    } catch (error) {
      this.replies.push(error instanceof Error ? error : String(error));
      throw error;
    }
  }
}

/** Long ones all differ, so that a millisecond never decides which lives longer. */
function randomLife(random: Random): number {
  return random(16) === 0 ? SHORT : LONG + 1_000 * random(10_000);
}

function randomOperation(random: Random): StreamOperation {
  const operation: StreamOperation = {
    kind: pick(random, KINDS),
    stream: pick(random, STREAMS),
    origin: pick(random, NAMES),
    claimant: pick(random, ["me", "you", ""]),
    confirmed: random(2) === 0,
    ttl: randomLife(random),
    from: random(2) === 0 ? [] : [pick(random, NAMES), pick(random, NAMES)],
    publishes: random(2) === 0,
    live: pick(random, ["runs", "ended", "none"]),
    publisher: pick(random, ["me", "you"]),
    liveTtl: randomLife(random),
    // Long before, and long after, the epochs that the scripts take from their clocks.
    epoch: pick(random, [0, 1e12, 1.5e12, 3e12]),
  };
  if (random(4) > 0) return operation;
  return { ...operation, before: Date.now() + pick(random, [-LONG, LONG]) };
}

/** A foreign value under one of the keys. */
function foreignStep(random: Random, keys: Keys): readonly string[] {
  const key = pick(random, [
    keys.stream(pick(random, STREAMS)),
    keys.origin(pick(random, NAMES)),
    keys.streams,
    keys.origins,
    keys.settings,
  ]);
  const texts = ['{"origin":1}', "[]", "x", '{"origin":"a","claimant":"","confirmed":true}', "{"];
  return pick(random, [
    ["SET", key, pick(random, texts)],
    ["DEL", key],
    ["DEL", key],
    ["ZADD", key, "1", "x"],
    ["SET", keys.stream(pick(random, STREAMS)), pick(random, texts), "PX", "50"],
  ]);
}

function randomStep(random: Random, keys: Keys): Step {
  const operations = Array.from({ length: 1 + random(4) }, () => randomOperation(random));
  const foreign = foreignStep(random, keys);
  const ttl = randomLife(random);
  const mode = pick(random, ["news", "settle"] as const);
  const user = pick(random, NAMES);
  const lasting = (give: Step["give"]): Step => ({ give, isShort: false });
  const living = (give: Step["give"]): Step => ({ give, isShort: ttl === SHORT });
  const change = pick(random, [
    ...[{ draining: true }, { draining: false }, { weight: 5 }, { weight: 100 }],
    ...[{ labels: ["eu", "gpu"] }, { labels: [] }, { labels: null }, "forget" as const],
  ]);
  switch (random(12)) {
    case 10:
      return lasting((remote, calls) => remote.changeSettings(calls, user, change));
    case 11:
      return lasting((remote, calls) => remote.settings(calls));
    case 0:
      return lasting((remote, calls) => remote.probe(calls));
    case 1: {
      const record = sampleOrigin(user);
      return living((remote, calls) => remote.putOrigin(calls, { record, ttl }, mode));
    }
    case 2: {
      const media = { host: "192.0.2.1", port: 8000 };
      const record = { user, password: "/", stream: "v/a/1", origin: "a", media };
      const session = { ...record, intent: "play" } as const;
      return living((remote, calls) => remote.putSession(calls, { record: session, ttl }, mode));
    }
    case 3:
      return lasting((remote, calls) => remote.endSession(calls, user));
    case 4:
      return lasting((remote, calls) => remote.sessions(calls, [user, "nobody"]));
    case 5: {
      const records = STREAMS.map((name) => ({ name, key: keys.stream(name) }));
      return lasting((remote, calls) => remote.values(calls, keys.streams, records));
    }
    case 6:
      return lasting((remote, calls) => remote.indexPart(calls, keys.streams, "0"));
    case 7: {
      const isShort = foreign.includes("PX");
      return { give: (_, calls) => calls.command(...foreign), isShort };
    }
    default: {
      const broken = random(40) > 0 ? [] : [{ ...operations[0]!, claimant: "\ud800" }];
      const isShort = operations.some(({ ttl, liveTtl }) => {
        return Math.min(ttl, liveTtl) === SHORT;
      });
      const asked = [...operations, ...broken];
      return { give: (remote, calls) => remote.streams(calls, asked), isShort };
    }
  }
}

/** The comparable part of a reply: JSON texts parsed, errors by their first word. */
function comparable(reply: unknown): unknown {
  if (reply instanceof Error) return `error ${/^[A-Z]+(?= )/.exec(reply.message)?.[0] ?? ""}`;
  if (Array.isArray(reply)) return isScan(reply) ? scanned(reply) : reply.map(comparable);
  if (typeof reply === "object" && reply !== null) {
    return Object.fromEntries(Object.entries(reply).map(([key, each]) => [key, comparable(each)]));
  }
  if (typeof reply !== "string" || !/^[[{]|^\d{13}$/.test(reply)) return reply;
  try {
    return comparable(JSON.parse(reply));
  } catch {
    return reply;
  }
}

/** The order of scanned entries does not matter. */
function isScan(reply: readonly unknown[]): reply is readonly [string, readonly string[]] {
  return reply.length === 2 && reply[0] === "0" && Array.isArray(reply[1]);
}

function scanned([, fields]: readonly [string, readonly string[]]): unknown {
  const pairs = fields.flatMap((name, at) => at % 2 === 0 ? [[name, Number(fields[at + 1])]] : []);
  return Object.fromEntries(pairs);
}

function assertAlike(simulated: unknown, real: unknown, where: string): void {
  if (typeof simulated === "number" && typeof real === "number") {
    assert.ok(Math.abs(simulated - real) < TOLERANCE, `${where}: ${simulated} for ${real}`);
  } else if (Array.isArray(simulated) && Array.isArray(real)) {
    assert.equal(simulated.length, real.length, where);
    simulated.forEach((each, at) => assertAlike(each, real[at], where));
  } else if (isFields(simulated) && isFields(real)) {
    assert.deepEqual(Object.keys(simulated).toSorted(), Object.keys(real).toSorted(), where);
    for (const [key, each] of Object.entries(simulated)) assertAlike(each, real[key], where);
  } else {
    assert.deepEqual(simulated, real, where);
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

Deno.test("the simulated Redis replies like a real one", async () => {
  const seed = Number(Deno.env.get("MODEL_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  say(`seed ${seed}`);
  const random = randomNumbers(seed);
  await using server = await RedisServer.open();
  const keys = new Keys("");
  const real: string[] = [];
  const simulated: string[] = [];
  const { address, access } = server;
  const connection = await RedisConnection.open({
    address,
    access,
    channel: keys.channel,
    onMessage: (message) => real.push(message),
    signal: new AbortController().signal,
  });
  const model = new SimulatedRedis({ time: () => performance.timeOrigin + performance.now() });
  model.listen(keys.channel, (message) => simulated.push(message));
  const ends = [new Recorder(connection), new Recorder(directCalls(model))] as const;
  const now = () => performance.now();
  const remotes = ends.map(() => new Remote({ keys, limits: LIMITS, metrics: new Counts(), now }));
  try {
    for (const end of ends) await end.command("SET", keys.version, FIRST_VERSION);
    for (let at = 0; at < STEPS; at++) {
      const step = randomStep(random, keys);
      for (const [which, end] of ends.entries()) {
        await step.give(remotes[which]!, end).catch(() => {});
      }
      if (step.isShort) await pause(2 * SHORT);
      const [theirs, ours] = ends.map(({ replies }) => replies.splice(0).map(comparable));
      assertAlike(ours, theirs, `step ${at} of seed ${seed}`);
    }
    await until("all messages", () => real.length >= simulated.length);
    const [theirs, ours] = [real, simulated].map((texts) => texts.map(message));
    assertAlike(ours, theirs, `messages of seed ${seed}`);
    assert.ok(simulated.length > STEPS / 8);
  } finally {
    connection.close(new Error("Done"));
  }
});

/** Each end has a name of its own, and the order of changes does not matter. */
function message(text: string): unknown {
  const fields = comparable(text);
  if (!isFields(fields)) return fields;
  const { streams = [], gone = [], by = "", ...rest } = fields;
  return { ...rest, streams: sorted(streams), gone: sorted(gone), isSigned: by !== "" };
}

function sorted(list: unknown): unknown {
  return Array.isArray(list) ? list.toSorted((a, b) => String(a) < String(b) ? -1 : 1) : list;
}
