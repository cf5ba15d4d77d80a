// Where simulated processes find their simulated Redis: a server that can be frozen, stopped, or
// replaced by a replica that lacks the last writes while some processes still use the old one, and
// connections to it that can be cut. Only the delays of connections are random.

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

/** Wall time at virtual time 0, milliseconds since 1970. */
const EPOCH = 1_800_000_000_000;

/** One server at a time, and the connections to it. */
export class SimulatedNetwork {
  readonly #options: SimulatedNetworkOptions;
  readonly #connections = new Set<SimulatedConnection>();
  /** What waits for each frozen server. */
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

  /** Returns the function with which one process opens connections. */
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

  /** Delivers something to a server: now, or when it is thawed. */
  reach(server: SimulatedRedis, callback: () => void): void {
    const waiting = this.#frozen.get(server);
    if (waiting) waiting.push(callback);
    else callback();
  }

  /** Freezes the server; its sockets stay open. */
  freeze(): void {
    if (!this.isFrozen) this.#frozen.set(this.#server, []);
  }

  /** Thaws the server, which handles what has arrived meanwhile. */
  thaw(): void {
    const waiting = this.#frozen.get(this.#server) ?? [];
    this.#frozen.delete(this.#server);
    for (const callback of waiting) callback();
  }

  /** Stops the server, losing its data, and refuses connections until `start`. */
  stop(): void {
    this.#isDown = true;
    this.cut();
  }

  /** Starts a server again, empty unless the old one's data is kept. */
  start(keeps: boolean): void {
    this.#isDown = false;
    if (!keeps) this.#server.flush();
  }

  /**
   * Promotes a replica that lacks the last `lost` writing calls.
   *
   * @param skew milliseconds by which its clock is ahead of the old one's
   * @param keptBy processes that keep using the old one until they are disconnected
   */
  failOver(lost: number, skew: number, keptBy: ReadonlySet<ProcessClock>): void {
    const before = this.#server;
    const data = before.replica(lost);
    this.#server = new SimulatedRedis({ time: this.#timeOf(skew), data });
    this.cut((connection) => connection.server === before && !keptBy.has(connection.process));
  }

  /** Closes connections to servers that have been replaced. */
  retire(): void {
    this.cut((connection) => connection.server !== this.#server);
    for (const server of this.#frozen.keys()) {
      if (server !== this.#server) this.#frozen.delete(server);
    }
  }

  /** Resets connections. */
  cut(which: (connection: SimulatedConnection) => boolean = () => true): void {
    for (const connection of [...this.#connections]) {
      if (which(connection)) connection.reset();
    }
  }

  /** Delivers what is no longer blocked for this process. */
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
