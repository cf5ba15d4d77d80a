// A listening TCP port with limits on its connections, in total and for each address. Knows no
// protocol.

import { addressGroup } from "../core/address_group.ts";
import { pause } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/address.ts";
import { LocalTally, type Tally } from "../core/tally.ts";
import { isOutOfResources } from "./close_errors.ts";
import type { Connection, Listener, ListenOptions, TcpEngine } from "./engine.ts";
import { TaskGroup } from "./task_group.ts";

/** How long the accept loop pauses when the process is out of descriptors. */
const PAUSE = 100;

/** Bounds of a port. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** What a TcpServer needs to know. */
export interface TcpServerOptions extends Omit<ListenOptions, "reusePort"> {
  readonly engine: TcpEngine;
  /** Whether other processes of this user may listen on it at the same time (SO_REUSEPORT). */
  readonly reusePort?: boolean | undefined;
  /** Asked for every connection, so that they may change. */
  limits(): ConnectionLimits;
  /** What connections are counted in, with those of others if there are any. */
  readonly tally?: Tally | undefined;
  /** Serves one connection, which is closed when it returns. */
  serve(connection: Connection): Promise<void>;
  /** Told of every connection closed at once for a bound. */
  onRefused(reason: "total" | "per_address" | "descriptors"): void;
  /** Told of what `serve` throws. */
  onError(error: unknown): void;
}

export class TcpServer implements AsyncDisposable {
  /** Resolves after `stop`; rejects when the listener dies by itself. */
  readonly closed: Promise<void>;
  readonly #options: TcpServerOptions;
  readonly #listener: Listener;
  readonly #tasks: TaskGroup;
  readonly #connections = new Set<Connection>();
  readonly #tally: Tally;
  #stopped = false;

  private constructor(options: TcpServerOptions, listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.#tally = options.tally ?? new LocalTally();
    this.#tasks = new TaskGroup(options.onError);
    this.closed = this.#accept();
    this.closed.catch(() => {});
  }

  /** @throws ProxyError `internal` with one clear line when the port cannot be bound */
  static open(options: TcpServerOptions): TcpServer {
    const { name, listen, reusePort = false, engine } = options;
    return new TcpServer(options, engine.listen({ name, listen, reusePort }));
  }

  /** Where it listens, with the real port. */
  get address(): Address {
    return this.#listener.address;
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** Takes no new connection from now on; those there are go on. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#listener.close();
  }

  /** Resolves when no connection is left. */
  idle(): Promise<void> {
    return this.#tasks.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    for (const connection of this.#connections) connection.close();
    await this.idle();
    await this.closed.catch(() => {});
  }

  async #accept(): Promise<void> {
    while (!this.#stopped) {
      try {
        const connection = await this.#listener.accept();
        if (connection !== undefined) this.#take(connection);
      } catch (error) {
        if (!isOutOfResources(error)) {
          const message = `Cannot accept ${this.#options.name} connections`;
          throw new ProxyError("internal", message, { cause: error });
        }
        this.#options.onRefused("descriptors");
        await pause(this.#options.engine.clock, PAUSE);
      }
    }
  }

  #take(connection: Connection): void {
    const { maxConnections: total, maxConnectionsPerAddress: perAddress } = this.#options.limits();
    const address = addressGroup(connection.peer.host);
    const limit = this.#tally.add(address, 1, { perAddress, total });
    if (limit !== undefined) {
      connection.close();
      return this.#options.onRefused(limit === "total" ? "total" : "per_address");
    }
    this.#connections.add(connection);
    this.#tasks.run(() => this.#serve(connection, address));
  }

  async #serve(connection: Connection, address: string): Promise<void> {
    try {
      await this.#options.serve(connection);
    } finally {
      connection.close();
      this.#connections.delete(connection);
      this.#tally.remove(address, 1);
    }
  }
}
