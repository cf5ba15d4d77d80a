// A registry in memory for tests of a single registry, with a clock that the test moves.

import { ProxyError } from "../../src/core/errors.ts";
import type { StreamRequest } from "../../src/core/contracts.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { Registry, type RegistryOptions } from "../../src/registry/registry.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { type SampleOrigin, sampleOrigin } from "./sample_origin.ts";

/** The stream used by default. */
export const STREAM = "v/a/s";
/** Idle time of streams in a World, milliseconds. */
export const IDLE = 60_000;
/** TTL of origins in a World, milliseconds. */
export const ORIGIN_TTL = 300_000;

/** A registry on an empty memory store, with a clock that the test moves. */
export class World implements AsyncDisposable {
  readonly registry: Registry;
  readonly #clock: VirtualClock;
  readonly #counts: Map<string, number>;

  /** @param options a clock given here moves the world instead of `pass` */
  static async open(options: Partial<RegistryOptions> = {}): Promise<World> {
    const clock = new VirtualClock();
    const counts = new Map<string, number>();
    const registry = await Registry.open({
      store: new MemoryStore({ maxOrigins: 10, maxStreams: 5_000, now: clock.now }),
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
      clock,
      ...options,
    });
    return new World(registry, clock, counts);
  }

  private constructor(registry: Registry, clock: VirtualClock, counts: Map<string, number>) {
    this.registry = registry;
    this.#clock = clock;
    this.#counts = counts;
  }

  /** Lets time pass, with timers firing as usual. */
  pass(milliseconds: number): Promise<void> {
    return this.#clock.pass(milliseconds);
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

  /** The origin of the stream, from the list of streams. */
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
