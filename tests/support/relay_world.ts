// The surroundings of a relay in an in-process test: a real registry in memory, the table of
// sessions, and metrics.

import { PrometheusMetrics } from "../../src/api/metrics.ts";
import { LiveSessions } from "../../src/api/session_log.ts";
import { type Clock, systemClock } from "../../src/core/clock.ts";
import type { Origin } from "../../src/core/origin.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry } from "../../src/registry/registry.ts";

/** What exists before the relay is opened. */
export class Surroundings {
  readonly metrics: PrometheusMetrics;
  readonly sessions = new LiveSessions({ capacity: 20_000 });
  /** Errors thrown by the relay. */
  readonly errors: unknown[] = [];
  readonly stack = new AsyncDisposableStack();
  readonly registry: Registry;
  #ids = 0;

  private constructor(metrics: PrometheusMetrics, registry: Registry) {
    this.metrics = metrics;
    this.registry = this.stack.use(registry);
  }

  static async open(clock: Clock = systemClock): Promise<Surroundings> {
    const metrics = new PrometheusMetrics();
    const now = () => clock.now();
    const store = new MemoryStore({ maxOrigins: 2_000, maxStreams: 20_000, now });
    const times = { originTtl: 60_000, streamIdle: 60_000 };
    return new Surroundings(metrics, await Registry.open({ store, metrics, clock, ...times }));
  }

  /** The dependencies that all relays share. */
  get dependencies() {
    return {
      resolver: this.registry,
      sessions: this.sessions,
      metrics: this.metrics,
      newSession: () => `s${++this.#ids}`,
      onError: (error: unknown) => void this.errors.push(error),
    };
  }

  /** Registers an origin on this machine with only these endpoints. */
  async register(id: string, endpoints: Partial<Origin["endpoints"]>): Promise<void> {
    const none = { rtmp: [], http: [], api: [], srt: [], rtc: [] };
    const common = { generation: "1", deviceId: "", ip: "127.0.0.1" };
    await this.registry.register({ id, ...common, endpoints: { ...none, ...endpoints } });
  }
}

export function loopback(...ports: readonly number[]) {
  return ports.map((port) => ({ host: "127.0.0.1", port }));
}

/** A relay with its surroundings; disposing of it closes everything. */
export class RelayWorld implements AsyncDisposable {
  readonly registry: Registry;
  readonly sessions: LiveSessions;
  readonly errors: readonly unknown[];
  protected readonly around: Surroundings;

  protected constructor(around: Surroundings) {
    this.around = around;
    this.registry = around.registry;
    this.sessions = around.sessions;
    this.errors = around.errors;
  }

  /**
   * The value of a counter or gauge with these labels, or the sum over all label sets that contain
   * `labels`.
   */
  async metric(name: string, labels = ""): Promise<number> {
    const { text } = await this.around.metrics.expose();
    return text.split("\n")
      .filter((line) => line.startsWith(name) && " {".includes(line.charAt(name.length)))
      .filter((line) => line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  /** Keys of the mapped streams. */
  async streams(): Promise<string[]> {
    return (await this.registry.streams({ limit: 100 })).streams.map(({ stream }) => stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.around.stack.disposeAsync();
  }
}
