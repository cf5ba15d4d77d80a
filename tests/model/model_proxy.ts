// One proxy process of the model: the real registry and store, on a clock of its own that can be
// paused, with lanes and relays that behave like the real ones. When killed, it loses everything it
// knew.

import type { Origin } from "../../src/core/origin.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { RedisStore } from "../../src/registry/redis/store.ts";
import { Registry } from "../../src/registry/registry.ts";
import { firstWithRoomByHash } from "../../src/registry/rendezvous.ts";
import type { Store } from "../../src/registry/store.ts";
import { Counts } from "../contract/counts.ts";
import { clearWay, type Way } from "../support/simulated_connection.ts";
import type { SimulatedNetwork } from "../support/simulated_network.ts";
import { ProcessClock, type VirtualClock } from "../support/virtual_clock.ts";
import type { Chance } from "./chance.ts";
import type { Variant } from "./history.ts";
import type { ModelOrigin } from "./model_origin.ts";
import { ModelLanes } from "./model_lanes.ts";
import { ModelRelay, type RelayEvents } from "./model_relay.ts";

export interface ProxyParts {
  readonly number: number;
  readonly variant: Variant;
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly network: SimulatedNetwork;
  readonly origins: ReadonlyMap<string, ModelOrigin>;
  readonly streamIdle: number;
  /** Whether this process can reach an origin that would answer. */
  readonly canReach: (origin: string) => boolean;
  readonly events: RelayEvents;
}

/** TTL of origins in the model, milliseconds. */
export const ORIGIN_TTL = 20_000;
const PROBE_TIMEOUT = 1_500;
const LIMITS = { maxOrigins: 10, maxStreams: 100 };
const SERVERS = { kind: "single", address: { host: "redis", port: 6379 } } as const;

export class ModelProxy {
  readonly clock: ProcessClock;
  readonly way: Way = clearWay();
  readonly counts = new Counts();
  readonly #parts: ProxyParts;
  #store: Store | undefined;
  #registry: Registry | undefined;
  #relay: ModelRelay | undefined;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
    this.clock = new ProcessClock(parts.clock);
  }

  get number(): number {
    return this.#parts.number;
  }

  /** Undefined while the process starts. */
  get relay(): ModelRelay | undefined {
    return this.#relay;
  }

  get registry(): Registry | undefined {
    return this.#registry;
  }

  get trouble(): string | undefined {
    return this.#store?.trouble;
  }

  /** Resolves when the process accepts clients. */
  async start(): Promise<void> {
    const { chance, origins, canReach, events, streamIdle, variant } = this.#parts;
    const { clock, counts } = this;
    const store = variant === "redis" ? await this.#openRedis() : this.#openMemory();
    this.#store = store;
    const random = chance.fork("registry").next;
    const relays = {
      probe: (origin: Origin) => this.#probe(origin.id),
      sessions: {
        received: (ids: readonly string[]) => Promise.resolve(this.#received(ids)),
        end: (id: string, reason: string) => this.#relay?.end(id, reason),
      },
    };
    const pick = variant === "redis" ? { pick: firstWithRoomByHash } : {};
    const common = { store, metrics: counts, clock, random, streamIdle, originTtl: ORIGIN_TTL };
    const registry = await Registry.open({ ...common, ...pick, ...relays });
    this.#registry = registry;
    const lanes = new ModelLanes({
      ...{ registry, clock, metrics: counts, onAsk: events.onAsk },
      chance: chance.fork("lanes"),
    });
    this.#relay = new ModelRelay({
      ...{ clock, origins, canReach, events },
      registryOf: (session) => lanes.registryOf(session),
      chance: chance.fork("relay"),
    });
  }

  /** SIGKILL: its connections end, its clients are disconnected, and what it knew is lost. */
  kill(): void {
    this.clock.kill();
    this.#parts.network.cut(({ process }) => process === this.clock);
    this.#relay?.kill();
  }

  /** Shuts down properly. */
  async stop(): Promise<void> {
    await this.#registry?.[Symbol.asyncDispose]();
    await this.#store?.[Symbol.asyncDispose]();
  }

  #received(ids: readonly string[]): Map<string, number> {
    const counts = ids.map((id) => [id, this.#relay?.received(id)] as const);
    return new Map(counts.filter((count) => count[1] !== undefined) as [string, number][]);
  }

  #openMemory(): Store {
    return new MemoryStore({ ...LIMITS, now: this.clock.now });
  }

  async #openRedis(): Promise<Store> {
    const { chance, network } = this.#parts;
    const { clock, counts, way } = this;
    return await RedisStore.open({
      ...{ servers: SERVERS, keyPrefix: "", metrics: counts, clock },
      access: () => ({ database: 0 }),
      ...LIMITS,
      random: chance.fork("store").next,
      open: network.opener(clock, way),
    });
  }

  #probe(origin: string): Promise<boolean> {
    const { canReach } = this.#parts;
    const takes = canReach(origin) ? 2 : PROBE_TIMEOUT;
    return new Promise((resolve) => {
      this.clock.after(takes, () => resolve(canReach(origin)));
    });
  }
}
