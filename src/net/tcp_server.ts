// A listening TCP port with limits on its connections, in total and for each address. Knows no protocol.

import { pause } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/address.ts";
import type { ListenAddress } from "../core/endpoint.ts";
import type { TlsOpener } from "./tls/tls_session.ts";
import { type Balancers, type HeaderRefusal, readAnnouncedPeer } from "./announced_peer.ts";
import { isOutOfResources } from "./close_errors.ts";
import type { Connection, Listener, TcpEngine } from "./engine.ts";
import { isGuest, type PortGuest } from "./port_guest.ts";
import {
  type LimitRefusal,
  ServedConnections,
  type ServedConnectionsOptions,
} from "./served_connections.ts";

/** How long the accept loop pauses when the process is out of descriptors. */
const PAUSE = 100;
const NO_BALANCERS: Balancers = { header: "off", trusted: [] };

/** A second port of the same server, for TLS. */
export interface TlsPort {
  readonly listen: ListenAddress;
  /** Called for every connection. */
  server(): TlsOpener;
  /** Another protocol on that port. */
  readonly guest?: PortGuest | undefined;
}

/** Why a connection was closed before it was served. */
export type TcpRefusal = LimitRefusal | "limit_descriptors" | "tls_handshake" | HeaderRefusal;

/** Where a server listens, and whom it lets in: the same whatever it serves. */
export interface TcpPortOptions extends Omit<ServedConnectionsOptions, "serve" | "onRefused"> {
  readonly listen: ListenAddress;
  readonly engine: TcpEngine;
  /** Whether other processes of this user may listen on it at the same time (SO_REUSEPORT). */
  readonly reusePort?: boolean | undefined;
  /** Absent without TLS. */
  readonly tls?: TlsPort | undefined;
  /** Another protocol on the port without TLS. */
  readonly guest?: PortGuest | undefined;
  /** Called for every connection; absent if no balancer can be in front. */
  balancers?: (() => Balancers) | undefined;
}

export interface TcpServerOptions extends TcpPortOptions, ServedConnectionsOptions {
  /** In error messages. */
  readonly name: string;
  /** Milliseconds for a connection to name its client, show its protocol, and complete a TLS handshake. */
  openingTimeout(): number;
  /** Called for every connection closed before it was served. */
  onRefused(reason: TcpRefusal): void;
}

export class TcpServer implements AsyncDisposable {
  /** Resolves after `stop`; rejects when the listener dies by itself. */
  readonly closed: Promise<void>;
  readonly #options: TcpServerOptions;
  readonly #listener: Listener;
  readonly #secure: Listener | undefined;
  readonly #served: ServedConnections;
  /** Connections whose client is not known yet. */
  readonly #unknown = new Set<Connection>();
  #stopped = false;

  private constructor(options: TcpServerOptions, listener: Listener, secure: Listener | undefined) {
    this.#options = options;
    this.#listener = listener;
    this.#secure = secure;
    this.#served = new ServedConnections(options);
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
    return this.#served.open;
  }

  /** Accepts nothing new from now on; open connections continue. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#listener.close();
    this.#secure?.close();
    for (const connection of this.#unknown) connection.close();
  }

  /** Resolves when no connection is left. */
  idle(): Promise<void> {
    return this.#served.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    this.#served.close();
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
    const { balancers: inFront, tls, guest: own, limits } = this.#options;
    const balancers = inFront?.() ?? NO_BALANCERS;
    const guest = isSecure ? tls?.guest : own;
    const isHidden = balancers.header !== "off";
    if (!isHidden && !isSecure && guest === undefined) return this.#served.admit(connection);
    // One balancer's address stands for many clients.
    const { maxConnections, maxConnectionsPerAddress } = limits();
    const most = isHidden ? maxConnections : maxConnectionsPerAddress;
    const place = this.#served.count(connection, most);
    if (place === undefined) return;
    this.#unknown.add(connection);
    this.#served.run(async () => {
      const found = await this.#introduce(connection, { balancers, isSecure, guest }).finally(
        () => {
          this.#unknown.delete(connection);
          place[Symbol.dispose]();
        },
      );
      if (found === undefined || this.#stopped) connection.close();
      else if (found === "own") this.#served.admit(connection);
      else guest!.take(connection);
    });
  }

  /** @returns who is to serve the connection; undefined if it cannot be served */
  async #introduce(
    connection: Connection,
    { balancers, isSecure, guest }: Introduction,
  ): Promise<"own" | "guest" | undefined> {
    const { onRefused, openingTimeout } = this.#options;
    using deadline = connection.closeAfter(openingTimeout());
    try {
      if (balancers.header !== "off") {
        const refusal = await readAnnouncedPeer(connection, balancers, deadline);
        if (refusal !== undefined && refusal !== "gone") onRefused(refusal);
        if (refusal !== undefined) return undefined;
      }
      if (guest !== undefined && await isGuest(connection, guest)) return "guest";
      if (isSecure) await connection.secure();
      return "own";
    } catch (error) {
      connection.close();
      if (!(error instanceof ProxyError) || error.source === "internal") throw error;
      onRefused("tls_handshake");
      return undefined;
    }
  }
}

interface Introduction {
  readonly balancers: Balancers;
  readonly isSecure: boolean;
  readonly guest: PortGuest | undefined;
}
