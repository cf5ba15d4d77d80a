// Where simulated processes find their simulated Redis: a server that can be frozen, stopped, or
// replaced by a replica that lacks the last writes while some still talk to the old one, and the
// connections to it, which can be cut. Nothing in here is by chance but the delays of connections.

import type { Clock } from "../../src/core/clock.ts";
import type { OpenCalls } from "../../src/registry/redis/calls.ts";
import { SimulatedConnection, type Way } from "./simulated_connection.ts";
import { SimulatedRedis } from "./simulated_redis.ts";
import type { ProcessClock } from "./virtual_clock.ts";

/** What a network needs. */
export interface SimulatedNetworkOptions {
  readonly clock: Clock;
  /** Numbers from 0 up to but not including 1. */
  readonly random: () => number;
}

/** Milliseconds since 1970 when virtual time is 0. */
const EPOCH = 1_800_000_000_000;

/** One server at a time, and the ways to it. */
export class SimulatedNetwork {
  readonly #options: SimulatedNetworkOptions;
  readonly #connections = new Set<SimulatedConnection>();
  /** What waits for each server that is frozen. */
  readonly #frozen = new Map<SimulatedRedis, (() => void)[]>();
  #server: SimulatedRedis;
  #isDown = false;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
    this.#server = new SimulatedRedis({ time: this.#timeOf(0) });
  }

  /** The server that takes new connections. */
  get server(): SimulatedRedis {
    return this.#server;
  }

  /** Whether new connections are refused. */
  get isDown(): boolean {
    return this.#isDown;
  }

  get isFrozen(): boolean {
    return this.#frozen.has(this.#server);
  }

  /** How the connections of one process are made. */
  opener(process: ProcessClock, way: Way): OpenCalls {
    return (wanted) => {
      const { random } = this.#options;
      const connection = new SimulatedConnection({
        ...wanted,
        process,
        way,
        random,
        place: this,
        clock: this.#options.clock,
      });
      this.#connections.add(connection);
      connection.closed.then(() => this.#connections.delete(connection));
      return connection.open();
    };
  }

  /** Something reaches a server: now, or when it goes on. */
  reach(server: SimulatedRedis, callback: () => void): void {
    const waiting = this.#frozen.get(server);
    if (waiting) waiting.push(callback);
    else callback();
  }

  /** The server stops, its sockets stay. */
  freeze(): void {
    if (!this.isFrozen) this.#frozen.set(this.#server, []);
  }

  /** The server goes on, with what has come meanwhile. */
  thaw(): void {
    const waiting = this.#frozen.get(this.#server) ?? [];
    this.#frozen.delete(this.#server);
    for (const callback of waiting) callback();
  }

  /** The server ends, with what it holds, and refuses connections until `start`. */
  stop(): void {
    this.#isDown = true;
    this.cut();
  }

  /** There is a server again, an empty one unless the old one kept what it had. */
  start(keeps: boolean): void {
    this.#isDown = false;
    if (!keeps) this.#server.flush();
  }

  /**
   * A replica that lacks the last `lost` writing calls becomes the server.
   *
   * @param skew milliseconds by which its clock is ahead of the old one's
   * @param keptBy processes that go on talking to the old one until they are cut off
   */
  failOver(lost: number, skew: number, keptBy: ReadonlySet<ProcessClock>): void {
    const before = this.#server;
    const data = before.replica(lost);
    this.#server = new SimulatedRedis({ time: this.#timeOf(skew), data });
    this.cut((connection) => connection.server === before && !keptBy.has(connection.process));
  }

  /** Those who talk to a server that is not the one any more are cut off. */
  retire(): void {
    this.cut((connection) => connection.server !== this.#server);
    for (const server of this.#frozen.keys()) {
      if (server !== this.#server) this.#frozen.delete(server);
    }
  }

  /** Ends connections, as a reset does. */
  cut(which: (connection: SimulatedConnection) => boolean = () => true): void {
    for (const connection of [...this.#connections]) {
      if (which(connection)) connection.reset();
    }
  }

  /** What was blocked for this process and is not any more gets through. */
  flow(process: ProcessClock): void {
    for (const connection of this.#connections) {
      if (connection.process === process) connection.flow();
    }
  }

  #timeOf(skew: number): () => number {
    const { clock } = this.#options;
    return () => EPOCH + skew + clock.now();
  }
}
