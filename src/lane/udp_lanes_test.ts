// WebRTC in lanes as in the program: threads, sockets and an origin, with the registry of one process.
// What does not need threads is tested in relay/rtc/media_lanes_test.ts.

import assert from "node:assert/strict";
import { Surroundings } from "../../tests/support/relay_world.ts";
import { stunRequest } from "../../tests/support/stun_message.ts";
import { UdpPeer } from "../../tests/support/udp_peer.ts";
import { until } from "../../tests/support/wait.ts";
import { systemClock } from "../core/clock.ts";
import type { TcpEngine } from "../net/engine.ts";
import { isLibcKnown } from "../net/udp/libc.ts";
import { RtcMediaRelay } from "../relay/rtc/media_relay.ts";
import { laneTally } from "./lane_columns.ts";
import { Lanes } from "./lanes.ts";

const LANES = 3;
/** With this many addresses, no lane gets all of them. */
const MANY = 24;
const LISTEN = { host: "127.0.0.1", port: 0 };

interface Running {
  readonly peer: UdpPeer;
  /** The port from which it reaches the origin. */
  readonly path: number;
}

/** Lanes, a relay and an origin. */
class World implements AsyncDisposable {
  readonly around: Surroundings;
  readonly lanes: Lanes;
  readonly relay: RtcMediaRelay;
  readonly origin: UdpPeer;

  private constructor(parts: Pick<World, "around" | "lanes" | "relay" | "origin">) {
    this.around = parts.around;
    this.lanes = parts.lanes;
    this.relay = parts.relay;
    this.origin = parts.origin;
  }

  static async open(engine: TcpEngine["kind"]): Promise<World> {
    const around = await Surroundings.open();
    const { stack, registry, dependencies } = around;
    const origin = stack.use(new UdpPeer());
    const lanes = stack.use(
      await Lanes.open({
        count: LANES,
        identifyMemory: laneTally(LANES),
        clock: systemClock,
        services: {
          ...dependencies,
          origins: () => registry.origins(),
          signal: () => new Response(null, { status: 404 }),
          answerOther: () => Promise.resolve(new Response(null, { status: 404 })),
        },
        init: {
          engine,
          listen: {
            rtmp: LISTEN,
            http: undefined,
            rtmps: undefined,
            https: undefined,
            reusePort: true,
          },
          ...{ variables: {}, idPrefix: "l", pseudonym: "srs-proxy-test" },
        },
      }),
    );
    const relay = stack.use(
      await RtcMediaRelay.open({
        ...dependencies,
        ...{ listen: LISTEN, clock: systemClock, lanes, rtcSessions: registry },
        ...{ maxSessions: 100, maxSessionsPerAddress: 100 },
        ...{ startTimeout: 20_000, consentTimeout: 20_000 },
      }),
    );
    return new World({ around, lanes, relay, origin });
  }

  /** A client with a session that has proved itself. */
  async begin(name: string): Promise<Running> {
    const user = `${name}:me`;
    const media = { host: "127.0.0.1", port: this.origin.port };
    const stream = `__defaultVhost__/live/${name}`;
    const session = { user, password: name, stream, intent: "play", origin: "o", media } as const;
    using place = this.relay.reserve("127.0.0.1");
    await this.relay.open(session, place);
    const peer = this.around.stack.use(new UdpPeer());
    await peer.send(stunRequest({ user, password: name }), this.relay.address.port);
    return { peer, path: (await this.origin.next()).port };
  }

  /** Asserts that datagrams go both ways between client and origin, over the same socket as before. */
  async assertFlows({ peer, path }: Running): Promise<void> {
    await peer.send(Uint8Array.of(0x80), this.relay.address.port);
    assert.deepEqual(await this.origin.next(), { bytes: [0x80], port: path });
    await this.origin.send(Uint8Array.of(7), path);
    assert.deepEqual((await peer.next()).bytes, [7]);
  }

  /** The names of the sessions that still run. */
  get left(): Set<string> {
    const { sessions } = this.around.sessions.list({ limit: 100 });
    return new Set(sessions.map(({ stream }) => stream.split("/").at(-1)!));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.around.stack.disposeAsync();
    assert.deepEqual(this.around.errors, []);
  }
}

Deno.test({
  name: "libc: a lane that fails ends its own sessions over UDP, and no other flow changes hands",
  ignore: !isLibcKnown,
  fn: async () => {
    await using world = await World.open("libc");
    const running = new Map<string, Running>();
    for (let at = 0; at < MANY; at++) running.set(`s${at}`, await world.begin(`s${at}`));
    await until("all in the list", () => world.left.size === MANY);
    world.lanes.fail(2, new Error("for the test"));
    await until("some ends", () => world.left.size < MANY);
    const { left } = world;
    assert.ok(left.size > 0, "the others go on");
    const assertTheyFlow = async () => {
      for (const name of left) await world.assertFlows(running.get(name)!);
    };
    await assertTheyFlow();
    await until("it be back", () => world.lanes.alive === LANES, { interval: 5 });
    await assertTheyFlow();
    for (let at = 0; at < MANY; at++) await world.assertFlows(await world.begin(`again${at}`));
    assert.deepEqual([...left].filter((name) => !world.left.has(name)), []);
  },
});

Deno.test("deno: the first lane has the port, even after it has been replaced", async () => {
  await using world = await World.open("deno");
  await world.assertFlows(await world.begin("before"));
  const { port } = world.relay.address;
  world.lanes.fail(1, new Error("for the test"));
  await until("the end", () => world.left.size === 0);
  await until("it be back", () => world.lanes.alive === LANES, { interval: 5 });
  assert.equal(world.relay.address.port, port);
  await world.assertFlows(await world.begin("after"));
});
