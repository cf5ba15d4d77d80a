// A registry for tests of what one registry does: in memory, with a clock that the test moves.

import { ProxyError } from "../../src/core/errors.ts";
import type { StreamRequest } from "../../src/core/ports.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry, type RegistryOptions } from "../../src/registry/registry.ts";
import { type SampleOrigin, sampleOrigin } from "./sample_origin.ts";

/** The stream of whoever names none. */
export const STREAM = "v/a/s";
/** Idle time of streams in a World, in milliseconds. */
export const IDLE = 60_000;
/** Life of an origin in a World, in milliseconds. */
export const ORIGIN_TTL = 300_000;

/** A registry on an empty memory store, with a clock that the test moves. */
export class World implements AsyncDisposable {
  readonly registry: Registry;
  readonly #clock: { now: number; period: number; upkeep: () => Promise<void> };
  readonly #counts: Map<string, number>;

  static async open(options: Partial<RegistryOptions> = {}): Promise<World> {
    const clock = { now: 1_000, period: 0, upkeep: () => Promise.resolve() };
    const counts = new Map<string, number>();
    const now = () => clock.now;
    const registry = await Registry.open({
      store: new MemoryStore({ maxOrigins: 10, maxStreams: 5_000, now }),
      metrics: {
        count: (name: string, labels: Readonly<Record<string, string>> = {}, by = 1) => {
          const key = [name, ...Object.values(labels)].join(" ");
          counts.set(key, (counts.get(key) ?? 0) + by);
        },
        gauge: (name: string, value: number) => counts.set(name, value),
        observe: () => {},
      },
      originTtl: ORIGIN_TTL,
      streamIdle: IDLE,
      now,
      every: (period, callback) => {
        Object.assign(clock, { period, upkeep: callback });
        return { [Symbol.dispose]: () => {} };
      },
      ...options,
    });
    return new World(registry, clock, counts);
  }

  private constructor(
    registry: Registry,
    clock: { now: number; period: number; upkeep: () => Promise<void> },
    counts: Map<string, number>,
  ) {
    this.registry = registry;
    this.#clock = clock;
    this.#counts = counts;
  }

  /** Lets time pass, with the timer going off as often as it would. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#clock.now + milliseconds;
    while (this.#clock.now + this.#clock.period <= end) {
      this.#clock.now += this.#clock.period;
      await this.#clock.upkeep();
    }
    this.#clock.now = end;
  }

  async add(...ids: string[]): Promise<void> {
    for (const id of ids) await this.registry.register(sampleOrigin(id));
  }

  addOne(id: string, sample: SampleOrigin): Promise<void> {
    return this.registry.register(sampleOrigin(id, sample));
  }

  async resolve(
    session: string,
    more: Partial<StreamRequest> = {},
  ): Promise<string> {
    const request: StreamRequest = {
      stream: STREAM,
      protocol: "rtmp",
      intent: "publish",
      failed: [],
      session,
      ...more,
    };
    return (await this.registry.resolve(request)).id;
  }

  /** The origin of the stream by the list of streams. */
  async owner(stream = STREAM): Promise<string | undefined> {
    const { streams } = await this.registry.streams({ limit: 10_000 });
    return streams.find((status) => status.stream === stream)?.origin;
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
  }
}

/** For assert.rejects. */
export function isNoOrigin(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "no_origin";
}

/** The other one of origins `a` and `b`. */
export function other(id: string): string {
  return id === "a" ? "b" : "a";
}
