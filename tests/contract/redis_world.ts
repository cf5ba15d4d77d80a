// Stores that share one Redis, for the contract suites and for tests of failures.

import type { RedisServers } from "../../src/core/redis_access.ts";
import { RedisStore, type RedisStoreOptions } from "../../src/registry/redis/store.ts";
import { Keys } from "../../src/registry/redis/keys.ts";
import type { RedisServer } from "../support/redis_server.ts";
import { pause, until } from "../support/wait.ts";
import { Counts } from "./counts.ts";
import type { StoreBounds, StoreHarness } from "./store_harness.ts";

const BOUNDS: StoreBounds = { maxOrigins: 400, maxStreams: 20_000, maxSessions: 100 };

export interface RedisWorldOptions extends Partial<RedisStoreOptions> {
  /** Number of stores; two unless given. */
  readonly count?: number;
}

/** Several stores, each as in a process of its own, with a key prefix of their own. */
export class RedisWorld implements StoreHarness {
  readonly stores: [RedisStore, RedisStore, ...RedisStore[]];
  readonly counts: readonly Counts[];
  readonly prefix: string;
  readonly keys: Keys;
  readonly #server: RedisServer;

  private constructor(server: RedisServer, stores: RedisStore[], counts: Counts[], prefix: string) {
    const [one, two, ...others] = stores;
    this.#server = server;
    this.stores = [one!, two!, ...others];
    this.counts = counts;
    this.prefix = prefix;
    this.keys = new Keys(prefix);
  }

  /** @param server for inspection; the stores use it too unless given another */
  static async open(server: RedisServer, options: RedisWorldOptions = {}): Promise<RedisWorld> {
    const { count = 2, keyPrefix = `${crypto.randomUUID().slice(0, 8)}:`, ...special } = options;
    const servers: RedisServers = { kind: "single", address: server.address };
    const counts = Array.from({ length: count }, () => new Counts());
    const stores = await Promise.all(counts.map((metrics) => {
      const access = () => server.access;
      return RedisStore.open({ servers, access, keyPrefix, metrics, ...BOUNDS, ...special });
    }));
    return new RedisWorld(server, stores, counts, keyPrefix);
  }

  readonly pass = pause;

  readonly settle = async (): Promise<void> => {
    for (const store of this.stores) await store.flush();
    await this.inStep();
  };

  /** Resolves when every store knows the last change in Redis. */
  async inStep(): Promise<void> {
    const last = Number(await this.#server.command("GET", this.keys.version));
    const isInStep = () => this.stores.every(({ version }) => version >= last);
    await until("all stores in step", isInStep, { interval: 2 });
  }

  /** Resolves when every store asks Redis, or when none does. */
  async untilAsked(isAsked: boolean, timeout = 10_000): Promise<void> {
    const isSo = () => this.stores.every(({ trouble }) => (trouble === undefined) === isAsked);
    const describe = () => this.stores.map(({ trouble }) => trouble).join("\n");
    await until(isAsked ? "Redis asked" : "trouble", isSo, { interval: 5, timeout, describe });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.stores.map((store) => store[Symbol.asyncDispose]()));
  }
}
