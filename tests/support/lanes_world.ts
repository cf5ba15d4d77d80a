// Lanes as in the program: threads, sockets and origins, with the registry of one process.

import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type {
  SessionClosed,
  SessionFlowed,
  SessionOpened,
  SessionRefused,
} from "../../src/core/contracts.ts";
import { laneTally } from "../../src/lane/lane_columns.ts";
import { Lanes } from "../../src/lane/lanes.ts";
import type { TcpEngine } from "../../src/net/engine.ts";
import type { TlsKeys } from "../../src/net/tls/tls_keys.ts";
import { isLibcKnown } from "../../src/net/udp/libc.ts";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { HttpOrigin, live } from "./http_origin.ts";
import { RtmpOrigin } from "./rtmp_origin.ts";
import { RtmpPeer } from "./rtmp_peer.ts";
import { Script } from "./rtmp_script.ts";
import { until } from "./wait.ts";
import { NO_SESSION_LOG } from "./no_session_log.ts";

/** The process's name in Via. */
export const PSEUDONYM = "srs-proxy-test";
const LIVE = live({ framing: "chunked", tagLength: 100, interval: 20 });

/** Two lanes and their origin. */
export class LanesWorld implements AsyncDisposable {
  readonly opened: SessionOpened[] = [];
  readonly closed: SessionClosed[] = [];
  readonly flowed: SessionFlowed[] = [];
  readonly refused: SessionRefused[] = [];
  readonly errors: unknown[] = [];
  readonly metrics = new PrometheusMetrics();
  readonly origin = new RtmpOrigin();
  /** Serves every stream over HTTP. */
  readonly httpOrigin = new HttpOrigin((path) => path.endsWith(".flv") ? LIVE : undefined);
  readonly registry: Registry;
  #lanes: Lanes | undefined;

  private constructor(registry: Registry) {
    this.registry = registry;
  }

  get lanes(): Lanes {
    return this.#lanes!;
  }

  static async open(
    engine: TcpEngine["kind"],
    variables: Record<string, string> = {},
    clock: Clock = systemClock,
    tls?: TlsKeys,
  ): Promise<LanesWorld> {
    const store = new MemoryStore({ maxOrigins: 10, maxStreams: 1_000 });
    const metrics = new PrometheusMetrics();
    const times = { originTtl: 60_000, streamIdle: 60_000 };
    const registry = await Registry.open({ store, metrics, ...times });
    const world = new LanesWorld(registry);
    world.#lanes = await Lanes.open({
      count: 2,
      identifyMemory: laneTally(2),
      clock,
      services: {
        resolver: registry,
        metrics: world.metrics,
        sessions: {
          ...NO_SESSION_LOG,
          opened: (event) => world.opened.push(event),
          closed: (event) => world.closed.push(event),
          flowed: (event) => world.flowed.push(event),
          refused: (event) => world.refused.push(event),
        },
        origins: () => registry.origins(),
        signal: () => new Response(null, { status: 404 }),
        answerOther: () => Promise.resolve(new Response("a page\n")),
        onError: (error) => world.errors.push(error),
      },
      init: {
        engine,
        listen: {
          rtmp: { host: "127.0.0.1", port: 0 },
          http: { host: "127.0.0.1", port: 0 },
          https: tls && { host: "127.0.0.1", port: 0 },
          reusePort: true,
        },
        ...{ variables, tls },
        idPrefix: "s",
        pseudonym: PSEUDONYM,
      },
    });
    const rtmp = [{ host: "127.0.0.1", port: world.origin.port }];
    const http = [{ host: "127.0.0.1", port: world.httpOrigin.httpPort }];
    const endpoints = { rtmp, http, api: [], srt: [], rtc: [] };
    await registry.register({ id: "o", generation: "1", deviceId: "", ip: "127.0.0.1", endpoints });
    return world;
  }

  /** Connects a player that an origin accepts. @returns it and its session */
  async player(stream: string): Promise<{ peer: RtmpPeer; session: string }> {
    const peer = await RtmpPeer.connect(this.lanes.rtmp.address.port);
    await peer.say(
      new Script().command(["connect", 1, { app: "live", tcUrl: "rtmp://127.0.0.1/live" }])
        .command(["createStream", 2, null])
        .command(["play", 3, null, stream], { streamId: 1 }),
    );
    await peer.hears("onStatus:NetStream.Play.Start");
    const key = `__defaultVhost__/live/${stream}`;
    const opened = await until("the session be told of", () => {
      return this.opened.find((event) => event.stream === key);
    });
    return { peer, session: opened.session };
  }

  /** Connects players until each lane has some. */
  async playersOfBoth(): Promise<Map<number, { peer: RtmpPeer; session: string }[]>> {
    const byLane = new Map<number, { peer: RtmpPeer; session: string }[]>();
    for (let at = 0; byLane.size < 2 || at < 8; at++) {
      assert.ok(at < 60, "the kernel gives every lane some");
      const player = await this.player(`s${at}`);
      const lane = this.lanes.laneOf(player.session)!;
      byLane.set(lane, [...byLane.get(lane) ?? [], player]);
    }
    return byLane;
  }

  /** Connects new players. @returns the lanes that they come to */
  async playersAgain(): Promise<Set<number>> {
    const lanes = new Set<number>();
    for (let at = 0; lanes.size < 2; at++) {
      assert.ok(at < 60, "the kernel gives every lane some");
      const { peer, session } = await this.player(`again${at}`);
      lanes.add(this.lanes.laneOf(session)!);
      peer[Symbol.dispose]();
    }
    return lanes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.origin[Symbol.asyncDispose]();
    await this.httpOrigin[Symbol.asyncDispose]();
    await this.lanes[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
  }
}

/** The engines available on this system. */
export const LANE_ENGINES: readonly TcpEngine["kind"][] = isLibcKnown ? ["libc", "deno"] : ["deno"];
