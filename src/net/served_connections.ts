// Connections that are being served, within bounds in total and for each address. Knows no listener.

import { addressGroup } from "../core/address_group.ts";
import { LocalTally, type Tally } from "../core/tally.ts";
import type { Connection } from "./engine.ts";
import { TaskGroup } from "./task_group.ts";

/** Bounds of a port. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** Which of them a connection was closed for. */
export type LimitRefusal = "limit_total" | "limit_per_address";

/** How connections are served. */
export interface ServedConnectionsOptions {
  /** Asked for every connection, so that they may change. */
  limits(): ConnectionLimits;
  /** What connections are counted in, with those of others if there are any. */
  readonly tally?: Tally | undefined;
  /** Serves one connection, which is closed when it returns. */
  serve(connection: Connection): Promise<void>;
  /** Told of every connection closed for a bound. */
  onRefused(reason: LimitRefusal): void;
  /** Told of what `serve` throws. */
  onError(error: unknown): void;
}

/** See above. */
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

  /** Those that are being served. */
  get open(): ReadonlySet<Connection> {
    return this.#open;
  }

  /** Serves a connection, unless there are too many. */
  admit(connection: Connection): void {
    const place = this.count(connection, this.#options.limits().maxConnectionsPerAddress);
    if (place === undefined) return;
    this.#open.add(connection);
    this.run(async () => {
      try {
        await this.#options.serve(connection);
      } finally {
        connection.close();
        this.#open.delete(connection);
        place[Symbol.dispose]();
      }
    });
  }

  /**
   * Counts a connection by the address that it has now.
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

  /** Runs something that `idle` waits for. */
  run(task: () => Promise<void>): void {
    this.#tasks.run(task);
  }

  /** Closes all that are being served. */
  close(): void {
    for (const connection of this.#open) connection.close();
  }

  /** Resolves when none is left. */
  idle(): Promise<void> {
    return this.#tasks.idle();
  }
}
