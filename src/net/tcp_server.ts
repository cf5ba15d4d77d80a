// A listening TCP port with limits on its connections, in total and for each address. Knows no
// protocol.

import { addressGroup } from "../core/address_group.ts";
import { pause } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/address.ts";
import { LocalTally, type Tally } from "../core/tally.ts";
import type { ListenAddress } from "../core/endpoint.ts";
import type { TlsServer } from "./tls/tls_server.ts";
import { type Balancers, type HeaderRefusal, readAnnouncedPeer } from "./announced_peer.ts";
import { isOutOfResources } from "./close_errors.ts";
import type { Connection, Listener, ListenOptions, TcpEngine } from "./engine.ts";
import { TaskGroup } from "./task_group.ts";

/** How long the accept loop pauses when the process is out of descriptors. */
const PAUSE = 100;
const NO_BALANCERS: Balancers = { header: "off", trusted: [] };

/** Bounds of a port. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** A second port of the same server, for TLS. */
export interface TlsPort {
  readonly listen: ListenAddress;
  /** Asked for every connection. */
  server(): TlsServer;
}

/** Why a connection is closed before it was served. */
export type TcpRefusal =
  | "limit_total"
  | "limit_per_address"
  | "limit_descriptors"
  | "tls_handshake"
  | HeaderRefusal;

/** What a TcpServer needs to know. */
export interface TcpServerOptions extends Omit<ListenOptions, "reusePort" | "tls"> {
  readonly engine: TcpEngine;
  /** Whether other processes of this user may listen on it at the same time (SO_REUSEPORT). */
  readonly reusePort?: boolean | undefined;
  /** Asked for every connection, so that they may change. */
  limits(): ConnectionLimits;
  /** Absent where TLS is not spoken. */
  readonly tls?: TlsPort | undefined;
  /** Asked for every connection; absent where none stands in front. */
  balancers?: (() => Balancers) | undefined;
  /** Milliseconds for a connection to say who the client is, and to shake hands for TLS. */
  openingTimeout(): number;
  /** What connections are counted in, with those of others if there are any. */
  readonly tally?: Tally | undefined;
  /** Serves one connection, which is closed when it returns. */
  serve(connection: Connection): Promise<void>;
  /** Told of every connection closed before it was served. */
  onRefused(reason: TcpRefusal): void;
  /** Told of what `serve` throws. */
  onError(error: unknown): void;
}

export class TcpServer implements AsyncDisposable {
  /** Resolves after `stop`; rejects when the listener dies by itself. */
  readonly closed: Promise<void>;
  readonly #options: TcpServerOptions;
  readonly #listener: Listener;
  readonly #secure: Listener | undefined;
  readonly #tasks: TaskGroup;
  readonly #connections = new Set<Connection>();
  /** Those of which it is not known yet who the client is. */
  readonly #unknown = new Set<Connection>();
  readonly #tally: Tally;
  #stopped = false;

  private constructor(options: TcpServerOptions, listener: Listener, secure: Listener | undefined) {
    this.#options = options;
    this.#listener = listener;
    this.#secure = secure;
    this.#tally = options.tally ?? new LocalTally();
    this.#tasks = new TaskGroup(options.onError);
    const listeners = secure === undefined ? [listener] : [listener, secure];
    const accepting = listeners.map((one) => this.#accept(one));
    this.closed = Promise.all(accepting).then(() => {});
    this.closed.catch(() => {});
  }

  /** @throws ProxyError `internal` with one clear line when the port cannot be bound */
  static open(options: TcpServerOptions): TcpServer {
    const { name, listen, reusePort = false, engine, tls } = options;
    const listener = engine.listen({ name, listen, reusePort });
    if (tls === undefined) return new TcpServer(options, listener, undefined);
    try {
      const secure = { name: `${name} over TLS`, listen: tls.listen, reusePort };
      return new TcpServer(options, listener, engine.listen({ ...secure, tls: tls.server }));
    } catch (error) {
      listener.close();
      throw error;
    }
  }

  /** Where it listens, with the real port. */
  get address(): Address {
    return this.#listener.address;
  }

  /** Where it listens for TLS. */
  get secureAddress(): Address | undefined {
    return this.#secure?.address;
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** Takes no new connection from now on; those there are go on. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#listener.close();
    this.#secure?.close();
    for (const connection of this.#unknown) connection.close();
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

  async #accept(listener: Listener): Promise<void> {
    while (!this.#stopped) {
      try {
        const connection = await listener.accept();
        if (connection !== undefined) this.#take(connection, listener === this.#secure);
      } catch (error) {
        if (!isOutOfResources(error)) {
          const message = `Cannot accept ${this.#options.name} connections`;
          throw new ProxyError("internal", message, { cause: error });
        }
        this.#options.onRefused("limit_descriptors");
        await pause(this.#options.engine.clock, PAUSE);
      }
    }
  }

  #take(connection: Connection, isSecure: boolean): void {
    const balancers = this.#options.balancers?.() ?? NO_BALANCERS;
    const isHidden = balancers.header !== "off";
    if (!isHidden && !isSecure) return this.#admit(connection);
    // Many clients come from the address of one balancer.
    const { maxConnections, maxConnectionsPerAddress } = this.#options.limits();
    const address = this.#count(connection, isHidden ? maxConnections : maxConnectionsPerAddress);
    if (address === undefined) return;
    this.#unknown.add(connection);
    this.#tasks.run(async () => {
      const isKnown = await this.#introduce(connection, { balancers, isSecure }).finally(() => {
        this.#unknown.delete(connection);
        this.#tally.remove(address, 1);
      });
      if (isKnown && !this.#stopped) this.#admit(connection);
      else connection.close();
    });
  }

  /** @returns whether it can be served */
  async #introduce(connection: Connection, how: { balancers: Balancers; isSecure: boolean }) {
    const { onRefused, openingTimeout } = this.#options;
    using deadline = connection.closeAfter(openingTimeout());
    try {
      if (how.balancers.header !== "off") {
        const refusal = await readAnnouncedPeer(connection, how.balancers, deadline);
        if (refusal !== undefined && refusal !== "gone") onRefused(refusal);
        if (refusal !== undefined) return false;
      }
      if (how.isSecure) await connection.secure();
      return true;
    } catch (error) {
      connection.close();
      if (!(error instanceof ProxyError) || error.source === "internal") throw error;
      onRefused("tls_handshake");
      return false;
    }
  }

  #admit(connection: Connection): void {
    const address = this.#count(connection, this.#options.limits().maxConnectionsPerAddress);
    if (address === undefined) return;
    this.#connections.add(connection);
    this.#tasks.run(() => this.#serve(connection, address));
  }

  /** @returns what it is counted under; undefined when it was refused and closed */
  #count(connection: Connection, perAddress: number): string | undefined {
    const { maxConnections: total } = this.#options.limits();
    const address = addressGroup(connection.peer.host);
    const limit = this.#tally.add(address, 1, { perAddress, total });
    if (limit === undefined) return address;
    connection.close();
    this.#options.onRefused(limit === "total" ? "limit_total" : "limit_per_address");
    return undefined;
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
