// The RTMP relay: its port and the sessions of its clients, their limits, their sweep and their
// end.

import type { ListenAddress } from "../../core/endpoint.ts";
import type { Address } from "../../core/origin.ts";
import type { TcpConnection } from "../../net/tcp_connection.ts";
import { type ConnectionLimits, TcpServer } from "../../net/tcp_server.ts";
import type { EndedBy, RelaySessions } from "../../core/ports.ts";
import { ClientSession } from "./client_session.ts";
import type { RtmpPorts } from "./ports.ts";

/** Longest time between two sweeps, milliseconds. */
const SWEEP = 1000;

/** What the RTMP front needs to know. */
export interface RtmpRelayOptions extends RtmpPorts {
  readonly listen: ListenAddress;
  readonly reusePort?: boolean;
  readonly limits: ConnectionLimits;
  /** Told of errors that are nobody's fault but the program's. */
  onError(error: unknown): void;
}

/** A listening RTMP port. */
export class RtmpRelay implements RelaySessions, AsyncDisposable {
  readonly #options: RtmpRelayOptions;
  readonly #sessions = new Set<ClientSession>();
  readonly #server: TcpServer;
  readonly #sweeper: ReturnType<typeof setInterval>;

  private constructor(options: RtmpRelayOptions) {
    this.#options = options;
    const { listen, reusePort, limits, metrics } = options;
    this.#server = TcpServer.open({
      name: "RTMP",
      listen,
      ...(reusePort === undefined ? {} : { reusePort }),
      limits,
      serve: (connection) => this.#serve(connection),
      onRefused: (limit) =>
        metrics.count("srs_proxy_rtmp_refused_total", { reason: `limit_${limit}` }),
      onError: options.onError,
    });
    const { idle, stall } = options.timeouts;
    const interval = Math.min(SWEEP, idle / 2, stall / 2);
    this.#sweeper = setInterval(() => this.#sweep(interval), interval);
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static open(options: RtmpRelayOptions): RtmpRelay {
    return new RtmpRelay(options);
  }

  get address(): Address {
    return this.#server.address;
  }

  /** Rejects when the listener dies by itself. */
  get closed(): Promise<void> {
    return this.#server.closed;
  }

  /** Takes no new client, and no new stream of those there are; relayed streams go on. */
  drain(): void {
    this.#server.stop();
    for (const session of this.#sessions) if (!session.isRelaying) session.end("shutdown");
  }

  /** Ends all streams in order. */
  kill(): void {
    for (const session of this.#sessions) session.end("shutdown");
  }

  endSession(session: string, reason: EndedBy): boolean {
    const client = this.#find(session);
    client?.end(reason);
    return client !== undefined;
  }

  received(session: string): number | undefined {
    return this.#find(session)?.received;
  }

  /** Resolves when no client is left. */
  idle(): Promise<void> {
    return this.#server.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    this.kill();
    await this.#server[Symbol.asyncDispose]();
    clearInterval(this.#sweeper);
  }

  #find(session: string): ClientSession | undefined {
    for (const client of this.#sessions) if (client.streamSession === session) return client;
    return undefined;
  }

  async #serve(connection: TcpConnection): Promise<void> {
    const session = new ClientSession(connection, this.#options);
    this.#sessions.add(session);
    try {
      await session.run();
    } finally {
      this.#sessions.delete(session);
    }
  }

  #sweep(elapsed: number): void {
    const { metrics, identifyMemory } = this.#options;
    metrics.gauge("srs_proxy_rtmp_connections", this.#sessions.size);
    metrics.gauge("srs_proxy_identify_memory_bytes", identifyMemory.taken);
    for (const session of this.#sessions) session.sweep(elapsed);
  }
}
