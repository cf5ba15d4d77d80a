// What a lane reports, and what its desk in the main thread does with it.

import assert from "node:assert/strict";
import { LaneWire } from "../../tests/support/lane_wire.ts";
import { within } from "../../tests/support/wait.ts";
import { PrometheusMetrics } from "../api/metrics.ts";
import { readBoundedBytes } from "../core/bounded_body.ts";
import { systemClock } from "../core/clock.ts";
import type {
  PartServed,
  SessionClosed,
  SessionFlowed,
  SessionRefused,
} from "../core/contracts.ts";
import { ProxyError } from "../core/errors.ts";
import { MemoryBudget } from "../core/memory_budget.ts";
import { MemoryStore } from "../registry/memory_store.ts";
import { Registry } from "../registry/registry.ts";
import type { Desk } from "./desk.ts";
import type { MainThread } from "./main_thread.ts";
import { NO_SESSION_LOG } from "../../tests/support/no_session_log.ts";

/** The lane's side and the main thread's, with only structured cloning in between. */
class World implements AsyncDisposable {
  readonly metrics = new PrometheusMetrics();
  readonly refused: SessionRefused[] = [];
  readonly closed: SessionClosed[] = [];
  readonly flowed: SessionFlowed[] = [];
  readonly served: PartServed[] = [];
  readonly errors: [unknown, number | undefined][] = [];
  readonly main: MainThread;
  readonly desk: Desk;
  /** Answers WebRTC requests. */
  signal = (_request: Request): Response | Promise<Response> => new Response();
  /** Messages sent to the main thread. */
  sent = 0;
  readonly #registry: Registry;

  private constructor(registry: Registry) {
    this.#registry = registry;
    const services = {
      resolver: registry,
      metrics: this.metrics,
      sessions: {
        ...NO_SESSION_LOG,
        closed: (event: SessionClosed) => this.closed.push(event),
        flowed: (event: SessionFlowed) => this.flowed.push(event),
        served: (event: PartServed) => this.served.push(event),
        refused: (event: SessionRefused) => this.refused.push(event),
      },
      origins: () => registry.origins(),
      answerOther: () => Promise.resolve(new Response()),
      signal: (request: Request) => this.signal(request),
      onError: (error: unknown, times?: number) => this.errors.push([error, times]),
    };
    const toMain = (arrived: () => void) => {
      this.sent++;
      arrived();
    };
    const { changes } = registry;
    const wire = new LaneWire({
      ...{ services, changes, toMain },
      now: () => 0,
      toLane: (arrived) => arrived(),
    });
    this.main = wire.main;
    this.desk = wire.desk;
  }

  static async open(): Promise<World> {
    const store = new MemoryStore({ maxOrigins: 10, maxStreams: 10 });
    const metrics = new PrometheusMetrics();
    const times = { originTtl: 60_000, streamIdle: 60_000 };
    return new World(await Registry.open({ store, metrics, ...times }));
  }

  /** The lines of `/metrics` that start with this text. */
  async lines(begin: string): Promise<string[]> {
    const { text } = await this.metrics.expose();
    return text.split("\n").filter((line) => line.startsWith(begin));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
  }
}

const REQUEST = { protocol: "rtmp", intent: "play", stream: "v/live/s", client: "192.0.2.1:1" };

function refusal(at: number, message = "No"): SessionRefused {
  const error = new ProxyError("bad_request", message);
  return { ...REQUEST, intent: "play", session: `s${at}`, error };
}

Deno.test("a flood of refusals takes few messages, and their sum is complete", async () => {
  await using world = await World.open();
  for (let at = 0; at < 10_000; at++) world.main.sessions.refused(refusal(at));
  for (let at = 0; at < 10_000; at++) world.main.sessions.refused(refusal(at, `Chosen ${at}`));
  world.main.flush();
  assert.ok(world.sent < 200, `${world.sent} messages`);
  const [first] = world.refused;
  assert.deepEqual([first!.session, first!.repeated], ["s0", undefined]);
  assert.equal(world.refused.reduce((sum, { repeated = 1 }) => sum + repeated, 0), 20_000);
  const { sent } = world;
  world.main.flush();
  assert.equal(world.sent, sent, "nothing is told twice");
});

Deno.test("an error that recurs after a pause is reported at once again", async () => {
  await using world = await World.open();
  for (const at of [1, 2]) world.main.sessions.refused(refusal(at));
  world.main.flush();
  world.main.flush();
  world.main.sessions.refused(refusal(3));
  assert.deepEqual(world.refused.map(({ session }) => session), ["s1", "s2", "s3"]);
});

Deno.test("figures are reported once for each session and stream, whatever happens in between", async () => {
  await using world = await World.open();
  const { sessions } = world.main;
  const flowed = { bytesIn: 1, bytesOut: 2, bitsIn: 3, bitsOut: 2 ** 40 };
  for (const session of ["s0", "s1", "s2"]) {
    sessions.opened({ ...REQUEST, intent: "play", session, origin: "one" });
  }
  for (let at = 0; at < 300; at++) {
    sessions.flowed({ session: `s${at % 3}`, flowed: { ...flowed, bytesIn: at } });
    sessions.served({ stream: `v/a/${at % 2}`, origin: "one", bytes: 10 });
  }
  sessions.closed({ session: "s0", reason: "client_closed", bytesIn: 0, bytesOut: 0 });
  const { sent } = world;
  world.main.flush();
  assert.equal(world.sent, sent + 2);
  assert.deepEqual(world.flowed, [
    { session: "s1", flowed: { ...flowed, bytesIn: 298 } },
    { session: "s2", flowed: { ...flowed, bytesIn: 299 } },
  ]);
  const bytes = 1_500;
  assert.deepEqual(world.served, [
    { stream: "v/a/0", origin: "one", bytes },
    { stream: "v/a/1", origin: "one", bytes },
  ]);
  world.main.flush();
  assert.equal(world.sent, sent + 2, "nothing is told twice");
  for (let at = 0; at < 2_500; at++) {
    sessions.served({ stream: `v/a/${at}`, origin: "one", bytes });
  }
  assert.equal(world.served.length, 2_002, "as much as is kept at most");
  world.desk.end("lane_failed");
  const end = { reason: "lane_failed", bytesOut: 2 };
  assert.deepEqual(world.closed.slice(1), [
    { session: "s1", ...end, bytesIn: 298 },
    { session: "s2", ...end, bytesIn: 299 },
  ]);
});

Deno.test("defects are counted by message and stack", async () => {
  await using world = await World.open();
  for (let at = 0; at < 1_000; at++) world.main.report(new TypeError("one"));
  world.main.report(new RangeError("other"));
  world.main.flush();
  assert.deepEqual(world.errors.map(([, times]) => times), [1, 1, 999]);
  const causes = world.errors.map(([error]) => String((error as ProxyError).cause));
  assert.deepEqual(causes.map((cause) => /(\w+Error): (one|other)/.exec(cause)![1]), [
    "TypeError",
    "RangeError",
    "TypeError",
  ]);
});

Deno.test("counters, gauges and durations arrive complete in one message", async () => {
  await using world = await World.open();
  const { metrics } = world.main;
  for (let at = 0; at < 1_000; at++) {
    metrics.count("srs_proxy_rtmp_refused_total", { reason: "limit_total" });
    metrics.observe("srs_proxy_first_byte_seconds", 0.002, { protocol: "rtmp" });
    metrics.observe("srs_proxy_first_byte_seconds", 7, { protocol: "rtmp" });
    metrics.observe("srs_proxy_first_byte_seconds", 0.005, { protocol: "http" });
  }
  assert.equal(world.sent, 0);
  world.main.flush();
  assert.equal(world.sent, 1);
  const refused = 'srs_proxy_rtmp_refused_total{reason="limit_total"}';
  assert.deepEqual(await world.lines(refused), [`${refused} 1000`]);
  const bucket = "srs_proxy_first_byte_seconds_bucket";
  const counts = async (end: string, protocol: string) => {
    return Number(
      (await world.lines(`${bucket}{le="${end}",protocol="${protocol}"}`))[0]!.split(" ")[1],
    );
  };
  assert.deepEqual([await counts("0.001", "rtmp"), await counts("0.0025", "rtmp")], [0, 1_000]);
  assert.deepEqual([await counts("5", "rtmp"), await counts("+Inf", "rtmp")], [1_000, 2_000]);
  assert.deepEqual([await counts("0.0025", "http"), await counts("0.005", "http")], [0, 1_000]);
  const [sum] = await world.lines('srs_proxy_first_byte_seconds_sum{protocol="rtmp"}');
  assert.ok(Math.abs(Number(sum!.split(" ")[1]) - 7_002) < 1e-6, sum);
});

/** A budget whose memory is used up. */
const NO_MEMORY = new MemoryBudget(() => ({ perConnection: 1e9, perAddress: 10, total: 10 }));
const MUCH_MEMORY = new MemoryBudget(() => ({ perConnection: 1e9, perAddress: 1e9, total: 1e9 }));

function streamOf(...pieces: (Uint8Array | Error)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece instanceof Error) controller.error(piece);
      else if (piece !== undefined) controller.enqueue(piece);
    },
  }, { highWaterMark: 0 });
}

for (
  const { name, pieces, code, budget = MUCH_MEMORY } of [
    { name: "takes too long", pieces: [new Uint8Array(9)], code: "timeout" },
    { name: "breaks off", pieces: [new Error("left")], code: "client_gone" },
    { name: "is too much", pieces: [new Uint8Array(2e7)], code: "too_large" },
    {
      name: "finds no memory",
      pieces: [new Uint8Array(11)],
      code: "overloaded",
      budget: NO_MEMORY,
    },
  ]
) {
  Deno.test(`a WebRTC request whose body ${name} is refused by the API, as elsewhere`, async () => {
    await using world = await World.open();
    world.signal = async (request) => {
      const bounds = { limit: 1e9, deadline: 60_000, clock: systemClock };
      const error = await readBoundedBytes(request, bounds).catch((thrown) => thrown);
      return new Response((error as ProxyError).code);
    };
    using memory = budget.open("192.0.2.1");
    const request = new Request("http://x/rtc/v1/whip/", {
      method: "POST",
      body: streamOf(...pieces),
    });
    const bounds = { deadline: 20, clock: systemClock, memory };
    const response = await world.main.signal(request, { host: "192.0.2.1", port: 1 }, bounds);
    assert.equal(await response.text(), code);
    assert.deepEqual(world.errors, []);
  });
}

Deno.test("a client that leaves before it is asked about is known to have left", async () => {
  await using world = await World.open();
  const gone = new AbortController();
  gone.abort();
  world.signal = ({ signal }) => {
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(new Response("gone")));
    });
  };
  using memory = MUCH_MEMORY.open("192.0.2.1");
  const request = new Request("http://x/rtc/v1/whip/", { method: "POST", signal: gone.signal });
  const bounds = { deadline: 1_000, clock: systemClock, memory };
  const asked = world.main.signal(request, { host: "192.0.2.1", port: 1 }, bounds);
  assert.equal(await (await within("an answer", 2_000, asked)).text(), "gone");
});
