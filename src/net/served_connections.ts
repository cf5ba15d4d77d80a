// Connections being served, limited in total and for each address. Knows no listener.

import { addressGroup } from "../core/address_group.ts";
import { LocalTally, type Tally } from "../core/tally.ts";
import type { Connection } from "./engine.ts";
import { TaskGroup } from "./task_group.ts";

export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** The limit for which a connection was closed. */
export type LimitRefusal = "limit_total" | "limit_per_address";

export interface ServedConnectionsOptions {
  /** Called for every connection, since limits may change. */
  limits(): ConnectionLimits;
  /** Counts the connections, possibly together with those of other ports. */
  readonly tally?: Tally | undefined;
  /** Serves one connection, which is closed when it returns. */
  serve(connection: Connection): Promise<void>;
  /** Called for every connection closed because of a limit. */
  onRefused(reason: LimitRefusal): void;
  /** Called with what `serve` throws. */
  onError(error: unknown): void;
}

export class ServedConnections {
  readonly #options: ServedConnectionsOptions;
  readonly #tally: Tally;
  readonly #tasks: TaskGroup;
  readonly #open = new Set<Connection>();

  constructor(options: ServedConnectionsOptions) {
    this.#options = options;
    this.#tally = options.tally ?? new LocalTally();
    this.#tasks = new TaskGroup(options.onError);
  }

  /** The connections being served. */
  get open(): ReadonlySet<Connection> {
    return this.#open;
  }

  /** Serves a connection unless there are too many. */
  admit(connection: Connection): void {
    const place = this.count(connection, this.#options.limits().maxConnectionsPerAddress);
    if (place === undefined) return;
    this.#open.add(connection);
    this.run(() => {
      return this.#options.serve(connection).finally(() => {
        connection.close();
        this.#open.delete(connection);
        place[Symbol.dispose]();
      });
    });
  }

  /**
   * Counts a connection by its current address.
   *
   * @returns its place, to be given back; undefined when it was refused and closed
   */
  count(connection: Connection, perAddress: number): Disposable | undefined {
    const { maxConnections: total } = this.#options.limits();
    const address = addressGroup(connection.peer.host);
    const limit = this.#tally.add(address, 1, { perAddress, total });
    if (limit === undefined) return { [Symbol.dispose]: () => this.#tally.remove(address, 1) };
    connection.close();
    this.#options.onRefused(limit === "total" ? "limit_total" : "limit_per_address");
    return undefined;
  }

  /** Runs a task for which `idle` waits. */
  run(task: () => Promise<void>): void {
    this.#tasks.run(task);
  }

  /** Closes all connections. */
  close(): void {
    for (const connection of this.#open) connection.close();
  }

  /** Resolves when no connection is left. */
  idle(): Promise<void> {
    return this.#tasks.idle();
  }
}
