import assert from "node:assert/strict";
import type { Origin, Protocol } from "../core/origin.ts";
import { Vhosts } from "../core/vhosts.ts";
import { MemoryStore } from "../registry/memory_store.ts";
import { Registry } from "../registry/registry.ts";
import { ABOUT } from "../../tests/support/system_desk.ts";
import { PrometheusMetrics } from "./metrics.ts";
import { LiveStreamList } from "./live_streams.ts";
import { playerApi } from "./player_api.ts";

const PATH = "/api/v1/streams/live";
const VHOSTS = new Vhosts(["v.example.com"]);

function originOf(id: string, protocols: readonly Protocol[]): Origin {
  const endpoints = Object.fromEntries(
    (["rtmp", "http", "api", "srt", "rtc"] as const).map((protocol) => [
      protocol,
      protocols.includes(protocol) ? [{ host: "10.9.8.7", port: 1935 }] : [],
    ]),
  ) as unknown as Origin["endpoints"];
  return { id, generation: "1", deviceId: `device-${id}`, ip: "10.9.8.7", endpoints };
}

/** A registry with the list in front of it, and a clock that stands still unless it is moved. */
class World implements AsyncDisposable {
  now = 0;
  lookUps = 0;
  readonly registry: Registry;
  readonly app: ReturnType<typeof playerApi>;
  #sessions = 0;

  private constructor(registry: Registry) {
    this.registry = registry;
    const live = new LiveStreamList({
      registrar: {
        origins: () => registry.origins(),
        streams: (page) => {
          if (page.after === undefined) this.lookUps++;
          return registry.streams(page);
        },
      },
      vhosts: VHOSTS,
      clock: { now: () => this.now },
    });
    this.app = playerApi(ABOUT, live);
  }

  static async open(...origins: readonly Origin[]): Promise<World> {
    const store = new MemoryStore({ maxOrigins: 10, maxStreams: 50_000 });
    const registry = await Registry.open({
      ...{ store, metrics: new PrometheusMetrics(), vhosts: VHOSTS },
      ...{ originTtl: 60_000, streamIdle: 60_000 },
    });
    for (const origin of origins) await registry.register(origin);
    return new World(registry);
  }

  async use(stream: string, intent: "publish" | "play"): Promise<string> {
    const session = String(++this.#sessions);
    await this.registry.resolve({ stream, protocol: "rtmp", intent, session, failed: [] });
    await this.registry.confirm(session);
    return session;
  }

  async list(host = "10.0.0.1:18080"): Promise<Record<string, unknown>> {
    const response = await this.app.request(`http://${host}${PATH}`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "max-age=1");
    return await response.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
  }
}

Deno.test("live streams are listed with their formats, and nothing about the origin", async () => {
  const cases: readonly (readonly [readonly Protocol[], readonly string[]])[] = [
    [["rtmp"], ["rtmp"]],
    [["rtmp", "http"], ["rtmp", "flv", "ts", "hls"]],
    [["rtmp", "api"], ["rtmp"]],
    [["rtmp", "rtc"], ["rtmp"]],
    [["rtmp", "api", "rtc"], ["rtmp", "webrtc"]],
    [["rtmp", "http", "api", "srt", "rtc"], ["rtmp", "flv", "ts", "hls", "webrtc", "srt"]],
  ];
  for (const [protocols, formats] of cases) {
    await using world = await World.open(originOf("vid-1", protocols));
    await world.use("__defaultVhost__/live/show", "publish");
    await world.use("__defaultVhost__/live/only-asked-for", "play");
    const answer = await world.list();
    assert.deepEqual(answer, { code: 0, streams: [{ stream: "live/show", formats }], more: false });
    assert.doesNotMatch(JSON.stringify(answer), /10\.9|vid-1|device/);
  }
});

Deno.test("a stream is no longer listed once nobody publishes it", async () => {
  await using world = await World.open(originOf("vid-1", ["rtmp"]));
  const session = await world.use("__defaultVhost__/live/show", "publish");
  const names = async () => ((await world.list()).streams as unknown[]).length;
  assert.equal(await names(), 1);
  world.registry.release(session);
  assert.equal(await names(), 1, "for a second the answer is that of before");
  assert.equal(world.lookUps, 1);
  world.now += 1_000;
  assert.equal(await names(), 0);
  assert.equal(world.lookUps, 2);
});

Deno.test("a vhost's streams are listed only for requests to its own name", async () => {
  await using world = await World.open(originOf("vid-1", ["rtmp"]));
  await world.use("v.example.com/live/theirs", "publish");
  await world.use("other.example.com/live/ours", "publish");
  const named = async (host: string) => {
    return ((await world.list(host)).streams as { stream: string }[]).map(({ stream }) => stream);
  };
  assert.deepEqual(await named("v.example.com:18080"), ["live/theirs"]);
  assert.deepEqual(await named("V.Example.Com"), ["live/theirs"]);
  for (const host of ["10.0.0.1", "[::1]:18080", "www.example.com", "localhost"]) {
    assert.deepEqual(await named(host), ["live/ours"], host);
  }
});

Deno.test("of many streams two hundred are listed, in order", async () => {
  await using world = await World.open(originOf("vid-1", ["rtmp"]));
  // More than one page of the registry, with streams that are not live before those that are.
  for (let at = 0; at < 10_050; at++) await world.use(`__defaultVhost__/asked/${at}`, "play");
  for (let at = 0; at < 201; at++) await world.use(`__defaultVhost__/live/${at}`, "publish");
  const { streams, more } = await world.list();
  const names = (streams as { stream: string }[]).map(({ stream }) => stream);
  assert.equal(names.length, 200);
  assert.deepEqual(names, names.toSorted());
  assert.equal(more, true);
});

Deno.test("concurrent requests cause one lookup", async () => {
  await using world = await World.open(originOf("vid-1", ["rtmp"]));
  await world.use("__defaultVhost__/live/show", "publish");
  await Promise.all(Array.from({ length: 100 }, () => world.list()));
  assert.equal(world.lookUps, 1);
});

Deno.test("a failed lookup is not remembered for ever", async () => {
  let works = false;
  let now = 0;
  const list = new LiveStreamList({
    registrar: {
      origins: () => works ? Promise.resolve([]) : Promise.reject(new Error("away")),
      streams: () => Promise.resolve({ streams: [], next: undefined, total: 0 }),
    },
    vhosts: VHOSTS,
    clock: { now: () => now },
  });
  await assert.rejects(list.of("a"), /away/);
  works = true;
  now += 1_000;
  assert.deepEqual(await list.of("a"), { streams: [], more: false });
});

Deno.test("without the list its path is unknown, but the version is still there", async () => {
  const app = playerApi(ABOUT, undefined);
  assert.equal((await app.request(PATH)).status, 404);
  assert.equal((await app.request("/api/v1/versions")).status, 200);
});
