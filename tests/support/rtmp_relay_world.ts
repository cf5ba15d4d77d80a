// The RTMP relay on a free port in this process, with a real registry, origins controlled by the
// test and a clock that only the test moves.

import assert from "node:assert/strict";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import type {
  SessionClosed,
  SessionFlowed,
  SessionOpened,
  SessionRefused,
} from "../../src/core/contracts.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";
import type { RtmpTimeouts } from "../../src/relay/rtmp/dependencies.ts";
import { RtmpRelay, type RtmpRelayOptions } from "../../src/relay/rtmp/rtmp_relay.ts";
import { ampleMemory } from "./ample_memory.ts";
import { RtmpOrigin, startOf } from "./rtmp_origin.ts";
import { RtmpPeer } from "./rtmp_peer.ts";
import { Script } from "./rtmp_script.ts";
import { openTcpEngine } from "./tcp_engines.ts";
import { VirtualClock } from "./virtual_clock.ts";
import { pause, until, within } from "./wait.ts";
import { NO_SESSION_LOG } from "./no_session_log.ts";

/** All different, so that none can be mistaken for another. */
export const RTMP_TIMEOUTS: RtmpTimeouts = {
  handshake: 3_000,
  identify: 7_000,
  dial: 2_000,
  answer: 5_000,
  idle: 20_000,
  stall: 11_000,
};

export interface RtmpWorldOptions extends Partial<Omit<RtmpRelayOptions, "timeouts">> {
  readonly timeouts?: Partial<RtmpTimeouts>;
  /** In the order in which they are chosen; disposed of with the world. One unless given. */
  readonly origins?: readonly RtmpOrigin[];
}

export class RtmpRelayWorld implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly metrics = new PrometheusMetrics();
  /** Errors thrown by the relay. */
  readonly errors: unknown[] = [];
  /** What has been logged, in order. */
  readonly opened: SessionOpened[] = [];
  readonly closed: SessionClosed[] = [];
  readonly flowed: SessionFlowed[] = [];
  readonly refused: SessionRefused[] = [];
  readonly origins: readonly RtmpOrigin[];
  readonly registry: Registry;
  readonly relay: RtmpRelay;
  readonly #stack = new AsyncDisposableStack();
  #isDraining = false;

  private constructor(registry: Registry, options: RtmpWorldOptions) {
    const { origins = [new RtmpOrigin()], timeouts, ...others } = options;
    this.registry = registry;
    this.origins = origins;
    let ids = 0;
    this.relay = RtmpRelay.open({
      listen: { host: "::", port: 0 },
      limits: () => ({ maxConnections: 1_000, maxConnectionsPerAddress: 500 }),
      identifyMemory: ampleMemory(),
      timeouts: () => ({ ...RTMP_TIMEOUTS, ...timeouts }),
      clock: this.clock,
      engine: openTcpEngine(this.clock, this.#stack),
      resolver: registry,
      sessions: {
        ...NO_SESSION_LOG,
        opened: (event) => this.opened.push(event),
        closed: (event) => this.closed.push(event),
        flowed: (event) => this.flowed.push(event),
        refused: (event) => this.refused.push(event),
      },
      metrics: this.metrics,
      isDraining: () => this.#isDraining,
      newSession: () => `s${++ids}`,
      onError: (error) => this.errors.push(error),
      ...others,
    });
    // Origins end first: while time stands still the relay would wait for them forever.
    for (const resource of [registry, this.relay, ...origins]) this.#stack.use(resource);
  }

  static async open(options: RtmpWorldOptions = {}): Promise<RtmpRelayWorld> {
    const store = new MemoryStore({ maxOrigins: 2_000, maxStreams: 100 });
    const registry = await Registry.open({
      store,
      metrics: new PrometheusMetrics(),
      originTtl: 60_000,
      streamIdle: 60_000,
      pick: (_, candidates) => candidates[0],
    });
    const world = new RtmpRelayWorld(registry, options);
    for (const [index, { port }] of world.origins.entries()) {
      await world.addOrigin(`o${index}`, port);
    }
    return world;
  }

  get origin(): RtmpOrigin {
    return this.origins[0]!;
  }

  /** Registers an origin with RTMP on these loopback ports. */
  async addOrigin(id: string, ...ports: readonly number[]): Promise<void> {
    const rtmp = ports.map((port) => ({ host: "127.0.0.1", port }));
    const endpoints = { rtmp, http: [], api: [], srt: [], rtc: [] };
    await this.registry.register({ id, generation: "1", deviceId: "", ip: "127.0.0.1", endpoints });
  }

  /** A client after its handshake, over IPv4 unless given. */
  client(hostname?: string): Promise<RtmpPeer> {
    return RtmpPeer.connect(this.relay.address.port, hostname);
  }

  /** A client that has also sent connect. */
  async connected(hostname?: string): Promise<RtmpPeer> {
    const client = await this.client(hostname);
    const fields = { app: "live", tcUrl: "rtmp://tv.example/live" };
    await client.say(new Script().command(["connect", 1, fields]));
    return client;
  }

  /** A client that has also sent createStream and publish or play. */
  async wanting(wish: "publish" | "play", stream = "cam", hostname?: string): Promise<RtmpPeer> {
    const client = await this.connected(hostname);
    await client.say(
      new Script().command(["createStream", 2, null])
        .command([wish, 3, null, stream], { streamId: 1 }),
    );
    return client;
  }

  /** A client that has been told that its stream has begun, and whose session has been logged. */
  async begun(wish: "publish" | "play", stream?: string): Promise<RtmpPeer> {
    const before = this.opened.length;
    const client = await this.wanting(wish, stream);
    await client.hears(`onStatus:${startOf(wish)}`);
    await until("a session", () => this.opened.length > before, { interval: 1 });
    return client;
  }

  /** As the program does on SIGTERM. */
  drain(): void {
    this.#isDraining = true;
    this.relay.drain();
  }

  /** Lets time pass, and asserts that a peer's connection ends then and not before. */
  async assertEndsAfter(milliseconds: number, peer: RtmpPeer): Promise<void> {
    await this.#assertAfter(milliseconds, "the end of a connection", peer.ends());
  }

  /** Lets time pass, and asserts that the last client is disconnected then and not before. */
  async assertIdleAfter(milliseconds: number): Promise<void> {
    await this.#assertAfter(milliseconds, "the end of the last client", this.relay.idle());
  }

  async #assertAfter(milliseconds: number, what: string, event: Promise<void>): Promise<void> {
    let hasCome = false;
    event.then(() => hasCome = true);
    await this.clock.pass(milliseconds - 1);
    // Gives what has happened meanwhile time to pass through the system's sockets.
    await pause(5);
    assert.ok(!hasCome, `${what} has come before ${milliseconds} ms`);
    await this.clock.pass(1);
    await within(what, 10_000, event);
  }

  /** The bytes that a session's origin has sent, as the relay reports. */
  received(session: string): number | undefined {
    const received = new Map<string, number>();
    this.relay.tellReceived((id, bytes) => received.set(id, bytes));
    return received.get(session);
  }

  /** Waits for the first session that an origin has accepted. */
  opens(): Promise<SessionOpened> {
    return until("a session", () => this.opened[0], { interval: 5 });
  }

  /** Waits for the end of the first session. */
  closes(): Promise<SessionClosed> {
    return until("the end of a session", () => this.closed[0], { interval: 5 });
  }

  /** Waits for the first client that is refused. */
  refuses(): Promise<SessionRefused> {
    return until("a refusal", () => this.refused[0], { interval: 5 });
  }

  /** Waits until a counter or gauge has a value. */
  async counts(name: string, value: number): Promise<void> {
    await until(`${name} ${value}`, async () => await this.metric(name) === value, { interval: 5 });
  }

  /** The value of a counter or gauge, by its name and labels as exposed. */
  async metric(name: string): Promise<number> {
    const { text } = await this.metrics.expose();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within("the end of the relay", 10_000, this.#stack.disposeAsync());
    assert.deepEqual(this.errors, []);
  }
}
