// Live streams stay where they are: a proxy that briefly cannot reach an origin neither moves its
// streams nor lets anybody else publish them; an origin that stays frozen loses them.

import assert from "node:assert/strict";
import { Encoder } from "../support/encoder.ts";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { assertContiguous } from "../support/frames.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { fetchText, type OriginServer } from "../support/origin_server.ts";
import { Proxy } from "../support/proxy.ts";
import { RedisServer } from "../support/redis_server.ts";
import { Registration } from "../support/register.ts";
import { until } from "../support/wait.ts";

const VIDEO_STEP = 101;
const AUDIO_STEP = 24;

/** Two proxies on one Redis, and two origins. */
class Fleet implements AsyncDisposable {
  readonly one: Proxy;
  readonly two: Proxy;
  readonly origins: readonly OriginServer[];
  readonly #stack: AsyncDisposableStack;

  private constructor(proxies: Proxy[], origins: OriginServer[], stack: AsyncDisposableStack) {
    [this.one, this.two] = proxies as [Proxy, Proxy];
    this.origins = origins;
    this.#stack = stack;
  }

  static async open(): Promise<Fleet> {
    await using stack = new AsyncDisposableStack();
    const redis = stack.use(await RedisServer.open());
    const variables = {
      PROXY_LOAD_BALANCER_TYPE: "redis",
      PROXY_REDIS_PORT: String(redis.port),
      PROXY_ORIGIN_DIAL_TIMEOUT: "500ms",
    };
    const proxies = await Promise.all([Proxy.open(variables), Proxy.open(variables)]);
    for (const proxy of proxies) stack.use(proxy);
    const origins = [];
    for (const name of ["nginx-1", "nginx-2"]) {
      const origin = stack.use(await NginxRtmp.open({ name }));
      stack.use(await Registration.open([proxies[0]], origin));
      origins.push(origin);
    }
    return new Fleet(proxies, origins, stack.move());
  }

  /** The origin that has the stream, as told by the origins themselves, and the other one. */
  async holderOf(stream: string): Promise<{ holder: OriginServer; other: OriginServer }> {
    return await until(`an origin to have ${stream}`, async () => {
      for (const holder of this.origins) {
        if (!(await holder.publishedStreams()).includes(stream)) continue;
        return { holder, other: this.origins.find((origin) => origin !== holder)! };
      }
      return undefined;
    }, { timeout: 20_000 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }
}

async function listed(
  proxy: Proxy,
  path: "streams" | "origins",
): Promise<Record<string, unknown>[]> {
  return JSON.parse(await fetchText(proxy.systemUrl(`/api/v1/${path}`)))[path];
}

async function isDown(proxy: Proxy, { name }: OriginServer): Promise<boolean> {
  const origins = await listed(proxy, "origins");
  return origins.some(({ server, state }) => server === `vid-${name}` && state === "down");
}

Deno.test({
  name: "an origin that one proxy briefly cannot reach keeps its live stream",
  timeout: 120_000,
  async fn() {
    await using fleet = await Fleet.open();
    const { one, two } = fleet;
    await using publisher = await Publisher.publish(one.rtmpUrl("show"));
    const { holder, other } = await fleet.holderOf("show");
    await using before = new Viewer(one.rtmpUrl("show"));
    await before.moreVideo(10);
    await until("the other proxy to know", async () => (await listed(two, "streams")).length === 1);

    holder.process.signal("SIGSTOP");
    await using player = new Viewer(two.rtmpUrl("show"));
    await using thief = await Publisher.open(two.rtmpUrl("show"));
    await Promise.all([player.process.end(20_000), thief.end(20_000)]);
    holder.process.signal("SIGCONT");

    assert.deepEqual(await other.publishedStreams(), [], "nobody else publishes it");
    const [stream] = await listed(two, "streams");
    assert.equal(stream?.origin, `vid-${holder.name}`);
    assert.equal(stream?.live, true);
    await using after = new Viewer(two.rtmpUrl("show"));
    await Promise.all([before.moreVideo(20), after.moreVideo(10)]);
    assertContiguous(before.video, VIDEO_STEP);
    assert.ok(publisher.process.running);
  },
});

Deno.test({
  name: "a frozen origin loses its streams within eight seconds, and others are not affected",
  timeout: 180_000,
  async fn() {
    await using fleet = await Fleet.open();
    const { one, two } = fleet;
    await using stack = new AsyncDisposableStack();
    const names: string[] = [];
    let lists: string[][] = [];
    // Origins are chosen at random, so streams are added until both have some.
    while (names.length < 24 && !(lists.length > 0 && lists.every((list) => list.length > 0))) {
      for (const letter of "abcdef") {
        const name = `${letter}${names.length}`;
        names.push(name);
        stack.use(new Encoder(name, (stream) => one.rtmpUrl(stream)));
      }
      lists = await until("all streams published", async () => {
        const found = await Promise.all(fleet.origins.map((origin) => origin.publishedStreams()));
        return found.flat().length === names.length && found;
      }, { timeout: 20_000 });
    }
    const [frozen, healthy] = fleet.origins as [OriginServer, OriginServer];
    const [lost, kept] = lists as [string[], string[]];
    await using elsewhere = new Viewer(two.rtmpUrl(kept[0]!));
    await elsewhere.moreVideo(10);

    frozen.process.signal("SIGSTOP");
    const askedAt = performance.now();
    // One client at the other proxy is enough; neither it nor any encoder does anything more.
    await using player = new Viewer(two.rtmpUrl(lost[0]!));
    await until("all streams at the other origin", async () => {
      return (await healthy.publishedStreams()).length === names.length;
    }, { timeout: 20_000, describe: () => one.process.errorText.slice(-2_000) });
    const took = performance.now() - askedAt;
    assert.ok(took < 10_000, `it took ${Math.round(took)} ms`);
    assert.ok(await isDown(one, frozen));
    await player.process.end(30_000).catch(() => {});
    await elsewhere.moreVideo(10);
    assertContiguous(elsewhere.video, VIDEO_STEP);
    assertContiguous(elsewhere.audio, AUDIO_STEP);

    frozen.process.signal("SIGCONT");
    await until("it to be up again", async () => {
      return !(await isDown(one, frozen)) && !(await isDown(two, frozen));
    }, { timeout: 10_000 });
    await until("it to have no stream", async () => {
      return (await frozen.publishedStreams()).length === 0;
    }, { timeout: 20_000 });
    assert.deepEqual((await healthy.publishedStreams()).toSorted(), names.toSorted());
  },
});
