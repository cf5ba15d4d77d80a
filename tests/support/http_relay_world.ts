// The HTTP relay on a free port with a real registry behind it, in this process, for tests that
// need short deadlines and to look at what it counts.

import { LiveSessions } from "../../src/api/session_log.ts";
import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { VARIABLES } from "../../src/config/table.ts";
import { systemClock } from "../../src/core/clock.ts";
import { HopMark } from "../../src/core/hop_mark.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { ampleMemory } from "./ample_memory.ts";
import { Registry } from "../../src/registry/registry.ts";
import { HttpRelay, type HttpRelayOptions } from "../../src/relay/http/http_relay.ts";
import { RawHttpClient } from "./raw_http_client.ts";

/** Deadlines for tests in which none of them passes; change some of a copy for the others. */
export const HTTP_TIMEOUTS: ReturnType<HttpRelayOptions["timeouts"]> = {
  head: 2_000,
  keepAlive: 2_000,
  dial: 1_000,
  answer: 1_000,
  idle: 10_000,
  stall: 10_000,
};

/** A relay and what is around it. */
export class HttpRelayWorld implements AsyncDisposable {
  readonly relay: HttpRelay;
  readonly registry: Registry;
  readonly sessions: LiveSessions;
  readonly errors: unknown[];
  readonly #metrics: PrometheusMetrics;
  readonly #draining: { value: boolean };
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: Parts) {
    this.relay = parts.relay;
    this.registry = parts.registry;
    this.sessions = parts.sessions;
    this.errors = parts.errors;
    this.#metrics = parts.metrics;
    this.#draining = parts.draining;
    this.#stack = parts.stack;
  }

  static async open(options: Partial<HttpRelayOptions> = {}): Promise<HttpRelayWorld> {
    const metrics = new PrometheusMetrics();
    const sessions = new LiveSessions({ capacity: 100 });
    const errors: unknown[] = [];
    const draining = { value: false };
    const stack = new AsyncDisposableStack();
    const store = new MemoryStore({ maxOrigins: 10, maxStreams: 100 });
    const times = { originTtl: 60_000, streamIdle: 60_000 };
    const registry = stack.use(await Registry.open({ store, metrics, ...times }));
    let ids = 0;
    const relay = stack.use(HttpRelay.open({
      listen: { host: "127.0.0.1", port: 0 },
      clock: systemClock,
      limits: () => ({ maxConnections: 100, maxConnectionsPerAddress: 50 }),
      identifyMemory: ampleMemory(),
      timeouts: () => HTTP_TIMEOUTS,
      trustedProxies: () => [],
      hopMark: new HopMark(),
      hlsPaths: () => VARIABLES.PROXY_HLS_PATHS.kind(VARIABLES.PROXY_HLS_PATHS.default),
      corsOrigins: () => [],
      resolver: registry,
      sessions,
      metrics,
      isDraining: () => draining.value,
      newSession: () => `s${++ids}`,
      origins: () => registry.origins(),
      looksForFiles: () => false,
      answerOther: () => Promise.resolve(new Response("no such page", { status: 404 })),
      onError: (error) => errors.push(error),
      ...options,
    }));
    return new HttpRelayWorld({ relay, registry, sessions, errors, metrics, draining, stack });
  }

  /** Registers an origin with HTTP on these loopback ports, or none, and perhaps with RTMP. */
  async addOrigin(
    id: string,
    ports: number | readonly number[],
    { rtmp = false } = {},
  ): Promise<void> {
    const at = (port: number) => ({ host: "127.0.0.1", port });
    const http = [ports].flat().map(at);
    const none = { api: [], srt: [], rtc: [] };
    const endpoints = { ...none, http, rtmp: rtmp ? [at(1935)] : [] };
    await this.registry.register({ id, generation: "1", deviceId: "", ip: "127.0.0.1", endpoints });
  }

  client(): Promise<RawHttpClient> {
    return RawHttpClient.open(this.relay.address.port);
  }

  /** Asks on a connection of its own that ends with the answer. */
  async ask(target: string, ...lines: readonly string[]): Promise<RawHttpClient> {
    const client = await this.client();
    await client.get(target, "Connection: close", ...lines);
    await client.until();
    client.close();
    return client;
  }

  /** As the program does on SIGTERM. */
  drain(): void {
    this.#draining.value = true;
    this.relay.drain();
  }

  /** The value of a counter or gauge, by its name with labels as it is exposed. */
  async metric(name: string): Promise<number> {
    const { text } = await this.#metrics.expose();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length + 1));
  }

  /** Keys of the streams that have an origin. */
  async streams(): Promise<string[]> {
    return (await this.registry.streams({ limit: 100 })).streams.map(({ stream }) => stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface Parts {
  readonly relay: HttpRelay;
  readonly registry: Registry;
  readonly sessions: LiveSessions;
  readonly errors: unknown[];
  readonly metrics: PrometheusMetrics;
  readonly draining: { value: boolean };
  readonly stack: AsyncDisposableStack;
}
