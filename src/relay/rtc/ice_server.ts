// WebRTC over TCP in a lane: accepts clients on its own port or on a shared one. Removes the
// framing and passes the datagrams to the forwarder, as if they had come over UDP.

import type { Address } from "../../core/address.ts";
import type { Clock } from "../../core/clock.ts";
import type { Metrics } from "../../core/contracts.ts";
import type { ListenAddress } from "../../core/endpoint.ts";
import type { Connection } from "../../net/engine.ts";
import type { PortGuest } from "../../net/port_guest.ts";
import { ServedConnections } from "../../net/served_connections.ts";
import { type TcpPortOptions, type TcpRefusal, TcpServer } from "../../net/tcp_server.ts";
import { beginsWithIce } from "../../protocol/rtc/opening.ts";
import { FrameMemory, IceClient, type IceRefusal } from "./ice_client.ts";
import type { ClientConnections, ConnectionForwarder } from "./client_connection.ts";

export interface IceServerOptions extends Omit<TcpPortOptions, "listen" | "tls" | "guest"> {
  /** Absent if clients come only to shared ports. */
  readonly listen: ListenAddress | undefined;
  readonly clock: Clock;
  /** Milliseconds until a client must have proved itself. */
  startTimeout(): number;
  readonly metrics: Metrics;
}

/** As a guest it takes connections of other ports. */
export class IceServer implements PortGuest, ClientConnections, AsyncDisposable {
  readonly #options: IceServerOptions;
  readonly #server: TcpServer | undefined;
  readonly #guests: ServedConnections;
  readonly #frames = new FrameMemory();
  /** Resolves with undefined if there will be none. */
  readonly #forwarder = Promise.withResolvers<ConnectionForwarder | undefined>();

  private constructor(options: IceServerOptions) {
    const { listen, engine, reusePort, limits, balancers, tally, onError } = options;
    this.#options = options;
    const serving = {
      ...{ limits, tally, onError },
      serve: (connection: Connection) => this.#serve(connection),
      onRefused: (reason: TcpRefusal) => this.#refused(reason),
    };
    this.#guests = new ServedConnections(serving);
    this.#server = listen && TcpServer.open({
      ...serving,
      ...{ name: "WebRTC over TCP", listen, engine, reusePort, balancers },
      openingTimeout: () => options.startTimeout(),
    });
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static open(options: IceServerOptions): IceServer {
    return new IceServer(options);
  }

  /** The address it listens on, if it has a port of its own. */
  get address(): Address | undefined {
    return this.#server?.address;
  }

  /** Number of clients with open connections. */
  get connections(): number {
    return this.#guests.open.size + (this.#server?.connections.size ?? 0);
  }

  /** Rejects when the listener dies by itself. */
  get closed(): Promise<void> | undefined {
    return this.#server?.closed;
  }

  /** Clients that are already connected wait for this. */
  attach(forwarder: ConnectionForwarder): void {
    this.#forwarder.resolve(forwarder);
  }

  /** Closes the port and every connection. */
  stop(): void {
    this.#forwarder.resolve(undefined);
    this.#server?.stop();
    for (const connection of this.#server?.connections ?? []) connection.close();
    this.#guests.close();
  }

  recognizes(bytes: Uint8Array): boolean | undefined {
    return beginsWithIce(bytes);
  }

  take(connection: Connection): void {
    this.#guests.admit(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#server?.[Symbol.asyncDispose]();
    await this.#guests.idle();
  }

  async #serve(connection: Connection): Promise<void> {
    const { clock, startTimeout } = this.#options;
    const timeout = startTimeout();
    const forwarder = await this.#forwarderFor(connection, timeout);
    if (forwarder === undefined) return;
    const refusal = await new IceClient(connection, forwarder, this.#frames).run(timeout, clock);
    if (refusal !== undefined) this.#refused(refusal);
  }

  /** Waits for the forwarder, which a new lane does not have yet. */
  async #forwarderFor(connection: Connection, timeout: number) {
    using _deadline = connection.closeAfter(timeout);
    return await this.#forwarder.promise;
  }

  #refused(reason: TcpRefusal | IceRefusal): void {
    this.#options.metrics.count("srs_proxy_rtc_tcp_refused_total", { reason });
  }
}
