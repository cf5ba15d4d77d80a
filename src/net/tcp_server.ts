// A listening TCP port with limits on its connections, in total and for each address. Knows no
// protocol.

import { AddressCounts } from "../core/address_group.ts";
import { type ListenAddress, normalizeIp } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/origin.ts";
import { bind } from "./bind.ts";
import { isClosedError, isOutOfResources } from "./close_errors.ts";
import { TaskGroup } from "./task_group.ts";
import { TcpConnection } from "./tcp_connection.ts";

/** How long the accept loop pauses when the process is out of descriptors. */
const REST = 100;

/** Limits of a port; read for every connection, so that they may change. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

export interface TcpServerOptions {
  /** What listens, for error messages: "RTMP". */
  readonly name: string;
  readonly listen: ListenAddress;
  /** Whether other processes of this user may listen on it at the same time (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  readonly limits: ConnectionLimits;
  /** Serves one connection, which is closed when it returns. */
  serve(connection: TcpConnection): Promise<void>;
  /** Told of every connection closed at once for a bound. */
  onRefused(reason: "total" | "per_address" | "descriptors"): void;
  /** Told of what `serve` throws. */
  onError(error: unknown): void;
}

export class TcpServer implements AsyncDisposable {
  /** Resolves after `stop`; rejects when the listener dies by itself. */
  readonly closed: Promise<void>;
  readonly #options: TcpServerOptions;
  readonly #listener: Deno.TcpListener;
  readonly #tasks: TaskGroup;
  readonly #connections = new Set<TcpConnection>();
  readonly #perAddress = new AddressCounts();
  #stopped = false;

  private constructor(options: TcpServerOptions, listener: Deno.TcpListener) {
    this.#options = options;
    this.#listener = listener;
    this.#tasks = new TaskGroup(options.onError);
    this.closed = this.#accept();
    this.closed.catch(() => {});
  }

  /** @throws ProxyError `internal` with one clear line when the port cannot be bound */
  static open(options: TcpServerOptions): TcpServer {
    const { name, listen, reusePort = false } = options;
    return new TcpServer(
      options,
      bind(name, listen, (where) => Deno.listen({ ...where, reusePort })),
    );
  }

  /** Where it listens, with the real port. */
  get address(): Address {
    const { hostname, port } = this.#listener.addr as Deno.NetAddr;
    return { host: hostname, port };
  }

  get connections(): ReadonlySet<TcpConnection> {
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
        const conn = await this.#listener.accept();
        this.#take(conn);
      } catch (error) {
        if (this.#stopped) return;
        if (isOutOfResources(error)) {
          this.#options.onRefused("descriptors");
          await new Promise((resolve) => setTimeout(resolve, REST));
        } else if (!isClosedError(error) || error instanceof Deno.errors.BadResource) {
          throw new ProxyError("internal", `Cannot accept ${this.#options.name} connections`, {
            cause: error,
          });
        }
      }
    }
  }

  #take(conn: Deno.TcpConn): void {
    const { hostname, port } = conn.remoteAddr as Deno.NetAddr;
    const host = normalizeIp(hostname) ?? hostname;
    const { maxConnections, maxConnectionsPerAddress } = this.#options.limits;
    if (this.#connections.size >= maxConnections) {
      return this.#refuse(conn, "total");
    }
    if (this.#perAddress.of(host) >= maxConnectionsPerAddress) {
      return this.#refuse(conn, "per_address");
    }
    const connection = new TcpConnection(conn, { host, port });
    this.#perAddress.add(host);
    this.#connections.add(connection);
    this.#tasks.run(() => this.#serve(connection));
  }

  #refuse(conn: Deno.TcpConn, reason: "total" | "per_address"): void {
    conn.close();
    this.#options.onRefused(reason);
  }

  async #serve(connection: TcpConnection): Promise<void> {
    try {
      await this.#options.serve(connection);
    } finally {
      connection.close();
      this.#connections.delete(connection);
      this.#perAddress.remove(connection.peer.host);
    }
  }
}
