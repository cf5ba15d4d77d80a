// A whole cluster in virtual time: proxies, origins, Redis, clients, and what a history does to
// them. What can happen: clients come and leave; origins die, freeze, fall silent or cannot be
// dialled by one proxy; Redis freezes, ends, refuses, is flushed, or fails over without its last
// writes while some proxies still write to the old master; a proxy's connection to Redis is slow,
// blocked in one direction, late once or cut; proxies are paused and resumed, or killed and
// restarted. truth.ts says what must hold.

import { ProxyError } from "../../src/core/errors.ts";
import type { RegistryOperations } from "../../src/core/registrar.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";
import { VirtualClock } from "../support/virtual_clock.ts";
import { Calm } from "./calm.ts";
import { Chance } from "./chance.ts";
import { type Event, type History, ORIGINS, PROXIES } from "./history.ts";
import { ModelClient } from "./model_client.ts";
import { ModelOrigin } from "./model_origin.ts";
import { ModelProxy } from "./model_proxy.ts";
import type { RelayEvents } from "./model_relay.ts";
import type { ModelSession } from "./model_session.ts";
import { type Belief, Truth } from "./truth.ts";

const HEARTBEAT = 4_000;
const SRT_IDLE = 10_000;
const CLIENT_PATIENCE = 4_000;

export class World {
  readonly clock = new VirtualClock();
  readonly truth: Truth;
  readonly calm: Calm;
  readonly network: SimulatedNetwork;
  readonly proxies: ModelProxy[] = [];
  readonly origins = new Map<string, ModelOrigin>();
  readonly clients = new Map<string, ModelClient>();
  readonly history: History;
  /** What has happened, for people to read; kept only if requested. */
  readonly trace: string[] | undefined;
  readonly #chance: Chance;
  #generation = 0;
  #isHealed = false;
  #openedAt = 0;
  /** `proxy origin`, for each proxy that cannot dial an origin, and until when. */
  readonly #hidden = new Map<string, number>();

  constructor(history: History, keepsTrace: boolean) {
    const chance = new Chance(`${history.seed}/world`);
    this.history = history;
    this.trace = keepsTrace ? [] : undefined;
    this.#chance = chance;
    this.calm = new Calm(PROXIES[history.variant]);
    this.truth = new Truth(this.clock.now, this.calm);
    this.network = new SimulatedNetwork({
      clock: this.clock,
      random: chance.fork("network").next,
    });
    for (const id of ORIGINS) this.#addOrigin(id);
  }

  get proxyCount(): number {
    return PROXIES[this.history.variant];
  }

  /** Starts all proxies, with all origins registered. */
  async open(): Promise<void> {
    for (let number = 0; number < this.proxyCount; number++) this.startProxy(number);
    await this.clock.pass(100);
    for (const origin of this.origins.values()) this.#heartbeat(origin);
    await this.clock.pass(100);
    this.#openedAt = this.clock.now();
  }

  note(what: () => string): void {
    this.trace?.push(`${(this.clock.now() - this.#openedAt).toFixed(1).padStart(9)} ms  ${what()}`);
  }

  /** Called whenever everything has settled. */
  readonly watch = (): void => {
    const now = this.clock.now();
    for (const proxy of this.proxies) {
      if (proxy.relay === undefined || proxy.trouble !== undefined) {
        this.calm.isolate(now, proxy.number);
      } else if (proxy.clock.isPaused) {
        this.calm.isolate(now, proxy.number);
      }
    }
  };

  /** Does something later, unless the world has been healed before. */
  later(delay: number, callback: () => void): void {
    this.clock.after(delay, () => {
      if (!this.#isHealed) callback();
    });
  }

  /** Cancels everything that events have scheduled. */
  healed(): void {
    this.#isHealed = true;
  }

  /** Replaces a proxy by a new process, started after `delay` milliseconds. */
  startProxy(number: number, delay = 0): void {
    const { clock, network, origins, history } = this;
    const proxy = new ModelProxy({
      ...{ number, clock, network, origins },
      ...{ variant: history.variant, streamIdle: history.streamIdle },
      chance: this.#chance.fork(`proxy ${number} ${this.#generation++}`),
      canReach: (origin) => {
        const isHidden = (this.#hidden.get(`${number} ${origin}`) ?? -1) > clock.now();
        return !isHidden && origins.get(origin)!.isRunning;
      },
      events: this.#relayEvents(),
    });
    this.proxies[number] = proxy;
    const start = () => {
      proxy.start().catch((error) => this.truth.violate("cannot start", String(error)));
    };
    if (delay === 0) start();
    else this.clock.after(delay, start);
  }

  addClient(event: Event & { readonly kind: "publish" | "play" }): void {
    const { client: name, stream, kind: intent, protocol, proxy } = event;
    const client = new ModelClient({
      ...{ name, stream, intent, protocol, clock: this.clock, proxies: this.proxyCount },
      chance: this.#chance.fork(name),
      come: (number, session) => this.#come(number, session),
      gone: (session) => {
        this.note(() => `${session.id} leaves`);
        const { clock, relay } = this.proxies[session.proxy]!;
        clock.deliver(() => relay?.finish(session, "client left"));
      },
    });
    this.clients.set(name, client);
    client.come(proxy);
  }

  /** An operator requests something from a proxy, which refuses if it cannot tell the others. */
  operate(number: number, deed: (operations: RegistryOperations) => Promise<void>): void {
    const { clock, registry } = this.proxies[number]!;
    clock.deliver(() => {
      if (registry === undefined) return;
      deed(registry.operations).catch((error) => {
        const isFair = error instanceof ProxyError && error.code === "registry_unavailable";
        if (!isFair) this.truth.violate("exception", String(error));
      });
    });
  }

  hide(proxy: number, origin: string, until: number): void {
    this.#hidden.set(`${proxy} ${origin}`, until);
  }

  /** Freezes an origin. SRT notices its silence; RTMP only after minutes. */
  freezeOrigin(origin: ModelOrigin): void {
    const frozen = origin.freeze();
    if (frozen === undefined) return;
    this.clock.after(SRT_IDLE, () => {
      if (origin.frozen !== frozen) return;
      for (const { clock, relay } of this.proxies) {
        clock.deliver(() => relay?.endSilent(origin.id));
      }
    });
  }

  pauseProxy(number: number): void {
    const { clock } = this.proxies[number]!;
    clock.pause();
    this.clock.after(CLIENT_PATIENCE, () => {
      if (!clock.isPaused) return;
      for (const client of this.clients.values()) client.lose(number);
    });
  }

  resumeProxy(number: number): void {
    this.proxies[number]!.clock.resume();
  }

  async beliefs(): Promise<Belief[]> {
    const beliefs: Belief[] = [];
    for (const { number, registry } of this.proxies) {
      if (!registry) continue;
      const { streams } = await registry.streams({ limit: 1_000 });
      beliefs.push({ proxy: number, streams });
    }
    return beliefs;
  }

  #come(number: number, session: ModelSession): boolean {
    const { clock, relay } = this.proxies[number]!;
    if (!relay) return false;
    this.note(() => `${session.id} comes to proxy ${number} for ${session.stream}`);
    clock.deliver(() => {
      if (session.isLeft) return;
      relay.serve(session).catch((error) => this.truth.violate("exception", String(error)));
    });
    // A paused process accepts connections without serving them.
    if (clock.isPaused) {
      this.clock.after(CLIENT_PATIENCE, () => {
        if (clock.isPaused) this.clients.get(session.client)?.lose(number);
      });
    }
    return true;
  }

  #addOrigin(id: string): void {
    const origin = new ModelOrigin(id, this.clock, {
      onClosed: (session) => {
        const { clock, relay } = this.proxies[session.proxy]!;
        clock.deliver(() => relay?.finish(session, "origin closed the connection"));
      },
    });
    this.origins.set(id, origin);
    const chance = this.#chance.fork(`origin ${id}`);
    const beat = () => {
      this.#heartbeat(origin);
      this.clock.after(HEARTBEAT, beat);
    };
    this.clock.after(chance.between(200, HEARTBEAT), beat);
  }

  #heartbeat(origin: ModelOrigin): void {
    if (!origin.isRunning || origin.isSilent) return;
    const proxy = this.#chance.among(this.proxies);
    proxy?.clock.deliver(() => proxy.registry?.register(origin.record).catch(() => {}));
  }

  #relayEvents(): RelayEvents {
    return {
      onAsk: async (session) => {
        const { registry } = this.proxies[session.proxy]!;
        const page = await registry?.streams({ limit: 1_000 });
        const known = page?.streams.find(({ stream }) => stream === session.stream);
        session.known = known?.live ? known.origin : undefined;
      },
      onPlaced: (session, origin) => {
        this.note(() => `${session.id} is led to ${origin}`);
        this.truth.placed(session, origin);
      },
      onTold: (session) => {
        this.note(() => `${session.id} is told that it is served by ${session.origin}`);
        this.truth.told(session);
      },
      onOver: (session, why) => {
        this.note(() => `${session.id} is over: ${why}`);
        this.truth.over(session);
        const after = this.clients.get(session.client);
        after?.over(session);
      },
    };
  }
}
