// Once the media of a session flows, its stream belongs to the origin where it runs.

import assert from "node:assert/strict";
import { MediaWorld } from "../../../tests/support/media_world.ts";
import { UdpPeer } from "../../../tests/support/udp_peer.ts";
import { until } from "../../../tests/support/wait.ts";
import type { StreamOwner } from "../../core/contracts.ts";

const STREAM = "__defaultVhost__/live/a";
const ELSEWHERE = { protocol: "rtmp", stream: STREAM, session: "other", failed: [] } as const;
const CLOSED = "srs_proxy_rtc_sessions_closed_total";

/** A session "a" at origin "o", and a client that has not proved itself yet. */
class Held implements AsyncDisposable {
  readonly world: MediaWorld;
  readonly client = new UdpPeer();

  private constructor(world: MediaWorld) {
    this.world = world;
  }

  static async open(intent: "publish" | "play"): Promise<Held> {
    const held = new Held(await MediaWorld.open());
    using place = held.world.relay.reserve("127.0.0.1");
    await held.world.relay.open({ ...held.world.session("a"), intent }, place);
    return held;
  }

  /** Another client uses the stream at another origin. */
  async useElsewhere(intent: "publish" | "play"): Promise<void> {
    const { registry } = this.world;
    await this.world.register("elsewhere", { rtmp: [{ host: "127.0.0.1", port: 1935 }] });
    await registry.resolve({ ...ELSEWHERE, intent });
    await registry.confirm(ELSEWHERE.session);
    assert.equal((await this.owner())?.origin.id, "elsewhere");
  }

  async owner(): Promise<StreamOwner | undefined> {
    return await this.world.registry.owner(STREAM);
  }

  async untilOwned(live: boolean): Promise<void> {
    await until("the stream at its origin", async () => {
      const owner = await this.owner();
      return owner?.origin.id === "o" && owner.confirmed && owner.live === live;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

for (const [intent, live] of [["publish", true], ["play", false]] as const) {
  Deno.test(`${intent}: the stream belongs to the origin where the session runs, whatever that origin registers`, async () => {
    await using held = await Held.open(intent);
    await held.world.register("o", { api: [{ host: "127.0.0.1", port: 1985 }] });
    await held.world.start(held.client, "a");
    await held.untilOwned(live);
    held.world.relay.end("a:me", "deleted");
    await until("the end", async () => (await held.owner())?.live !== true);
  });
}

Deno.test("a publisher's stream stays at an origin that others failed to reach meanwhile", async () => {
  await using held = await Held.open("publish");
  await held.world.register("elsewhere", { rtc: [{ host: "127.0.0.1", port: 8000 }] });
  held.world.registry.unreachable("o", "rtc");
  await held.world.start(held.client, "a");
  await held.untilOwned(true);
});

Deno.test("a publisher takes its stream away from an origin with only viewers", async () => {
  await using held = await Held.open("publish");
  await held.useElsewhere("play");
  await held.world.start(held.client, "a");
  await held.untilOwned(true);
});

Deno.test("a publisher whose stream is live elsewhere is ended", async () => {
  await using held = await Held.open("publish");
  await held.useElsewhere("publish");
  await held.world.start(held.client, "a");
  await until("the end", () => held.world.metric(CLOSED, 'reason="stream_busy"').then(Boolean));
  assert.equal((await held.owner())?.origin.id, "elsewhere");
});

Deno.test("a viewer takes the stream away from nobody", async () => {
  await using held = await Held.open("play");
  await held.useElsewhere("play");
  await held.world.start(held.client, "a");
  await until("the session", () => held.world.sessions.size === 1);
  held.world.relay.end("a:me", "deleted");
  await until("the end", () => held.world.sessions.size === 0);
  assert.equal((await held.owner())?.origin.id, "elsewhere");
});
