// The RTMP relay: its port, and the limits, sweeping and shutdown of its clients' sessions.

import { FailedAddresses } from "../../core/failed_addresses.ts";
import type { Address } from "../../core/address.ts";
import type { Connection } from "../../net/engine.ts";
import { Sweeper } from "../../net/sweeper.ts";
import { type TcpPortOptions, TcpServer } from "../../net/tcp_server.ts";
import type { EndedBy } from "../../core/contracts.ts";
import { RtmpClient } from "./rtmp_client.ts";
import type { RtmpDependencies } from "./dependencies.ts";

export interface RtmpRelayOptions
  extends Omit<RtmpDependencies, "failures">, Omit<TcpPortOptions, "guest"> {}

export class RtmpRelay implements AsyncDisposable {
  readonly #options: RtmpRelayOptions & RtmpDependencies;
  readonly #clients = new Set<RtmpClient>();
  readonly #onOver = (client: RtmpClient): void => void this.#clients.delete(client);
  readonly #server: TcpServer;
  readonly #sweeper: Sweeper;

  private constructor(options: RtmpRelayOptions) {
    this.#options = { ...options, failures: new FailedAddresses() };
    const { engine, listen, reusePort, limits, tally, metrics } = options;
    this.#server = TcpServer.open({
      name: "RTMP",
      ...{ engine, listen, reusePort, limits, tally },
      ...{ tls: options.tls, balancers: options.balancers },
      openingTimeout: () => options.timeouts().handshake,
      serve: (connection) => this.#serve(connection),
      onRefused: (reason) => metrics.count("srs_proxy_rtmp_refused_total", { reason }),
      onError: options.onError,
    });
    this.#sweeper = new Sweeper({
      clock: options.clock,
      timeouts: () => options.timeouts(),
      sweep: (elapsed) => this.#sweep(elapsed),
    });
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static open(options: RtmpRelayOptions): RtmpRelay {
    return new RtmpRelay(options);
  }

  get address(): Address {
    return this.#server.address;
  }

  /** Where it listens for TLS. */
  get secureAddress(): Address | undefined {
    return this.#server.secureAddress;
  }

  /** Number of clients with open connections. */
  get connections(): number {
    return this.#clients.size;
  }

  /** Rejects when the listener dies by itself. */
  get closed(): Promise<void> {
    return this.#server.closed;
  }

  /** Accepts no new clients, and no new streams from existing ones; relayed streams continue. */
  drain(): void {
    this.#server.stop();
    for (const client of this.#clients) if (!client.isRelaying) client.end("shutdown");
  }

  /** Ends all streams properly. */
  kill(): void {
    for (const client of this.#clients) client.end("shutdown");
  }

  endSession(session: string, reason: EndedBy): boolean {
    const client = this.#find(session);
    client?.end(reason);
    return client !== undefined;
  }

  /** Reports how many bytes the origin of each relayed session has sent. */
  tellReceived(tell: (session: string, bytes: number) => void): void {
    for (const { sessionId, isRelaying, received } of this.#clients) {
      if (isRelaying && sessionId !== undefined) tell(sessionId, received);
    }
  }

  /** Resolves when no client is left. */
  idle(): Promise<void> {
    return this.#server.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    this.kill();
    await this.#server[Symbol.asyncDispose]();
    this.#sweeper[Symbol.dispose]();
  }

  #find(session: string): RtmpClient | undefined {
    for (const client of this.#clients) if (client.sessionId === session) return client;
    return undefined;
  }

  #serve(connection: Connection): Promise<void> {
    const client = new RtmpClient(connection, this.#options, this.#onOver);
    this.#clients.add(client);
    return client.run();
  }

  #sweep(elapsed: number): void {
    for (const client of this.#clients) client.sweep(elapsed);
  }
}
