// An HTTP/1.1 server over plain connections, for relays that pump bodies as bytes: reads and checks
// the head of each request and leaves the answer to a handler. Deno.serve carries bodies as
// streams, which costs more and cannot be stopped; docs/decisions/0002 has the figures. RFC 9112.

import { addressGroup } from "../core/address_group.ts";
import { ProtocolError } from "../core/errors.ts";
import { type MemoryBudget, type MemoryHold, MemoryLimitError } from "../core/memory_budget.ts";
import type { LabelValue } from "../core/metric_table.ts";
import type { Address } from "../core/address.ts";
import { parseHead } from "../protocol/http/head.ts";
import { findRequestHead } from "../protocol/http/request_head.ts";
import { type HttpRequest, understandRequest } from "../protocol/http/request.ts";
import { HttpExchange } from "./exchange.ts";
import { HttpClient } from "./client.ts";
import type { Connection } from "../net/engine.ts";
import { type TcpPortOptions, TcpServer } from "../net/tcp_server.ts";

/**
 * How long a client may take to read its last bytes before its connection is closed, milliseconds.
 */
const LINGER = 2000;

/** Deadlines of a connection, milliseconds; read when each one starts, so that they may change. */
export interface HeadTimeouts {
  /** For the head of a request. */
  readonly head: number;
  /** For the next request on a kept connection. */
  readonly keepAlive: number;
}

/** Why a connection or a request is not handled. */
export type HttpRefusal = LabelValue<"srs_proxy_api_refused_total", "reason">;

export interface Http1ServerOptions extends TcpPortOptions {
  readonly name: string;
  timeouts(): HeadTimeouts;
  /** Budget for incomplete requests: heads, and bodies if any. */
  readonly identifyMemory: MemoryBudget;
  /** Answers one request completely; must read its body or let the connection end. */
  handle(exchange: HttpExchange): Promise<void>;
  /** Called for connections closed because of a limit, and for requests refused before `handle`. */
  onRefused(reason: HttpRefusal): void;
}

export class Http1Server implements AsyncDisposable {
  readonly #options: Http1ServerOptions;
  readonly #server: TcpServer;
  readonly #waiting = new Set<Connection>();
  #stopped = false;

  private constructor(options: Http1ServerOptions) {
    this.#options = options;
    this.#server = TcpServer.open({
      ...options,
      openingTimeout: () => options.timeouts().head,
      serve: (connection) => this.#serve(connection),
    });
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static open(options: Http1ServerOptions): Http1Server {
    return new Http1Server(options);
  }

  get address(): Address {
    return this.#server.address;
  }

  /** Where it listens for TLS. */
  get secureAddress(): Address | undefined {
    return this.#server.secureAddress;
  }

  get closed(): Promise<void> {
    return this.#server.closed;
  }

  /** Accepts no new connections or requests; running requests continue. */
  stop(): void {
    this.#stopped = true;
    this.#server.stop();
    for (const connection of this.#waiting) connection.close();
  }

  /** Number of open client connections. */
  get connections(): number {
    return this.#server.connections.size;
  }

  /** Resolves when no request is running. */
  idle(): Promise<void> {
    return this.#server.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#server[Symbol.asyncDispose]();
  }

  async #serve(connection: Connection): Promise<void> {
    const client = new HttpClient(connection);
    using memory = this.#options.identifyMemory.open(addressGroup(connection.peer.host));
    let timeout = this.#options.timeouts().head;
    while (!this.#stopped) {
      const exchange = await this.#nextExchange(client, memory, timeout);
      if (exchange === undefined) return;
      await this.#options.handle(exchange);
      client.unwatch();
      if (!exchange.keepAlive || this.#stopped) {
        return await connection.closeGently(LINGER, client.reading);
      }
      timeout = this.#options.timeouts().keepAlive;
    }
  }

  async #nextExchange(
    client: HttpClient,
    memory: MemoryHold,
    timeout: number,
  ): Promise<HttpExchange | undefined> {
    try {
      client.inbox.countIn(memory);
      const request = await this.#readRequest(client, timeout);
      if (request === undefined) return undefined;
      // A request with a body stays charged until it is answered, which does not take long.
      if (request.bodyLength === 0) client.inbox.countIn(undefined);
      const exchange = new HttpExchange(request, client);
      if (this.#stopped) exchange.keepAlive = false;
      return exchange;
    } catch (error) {
      if (!(error instanceof ProtocolError) && !(error instanceof MemoryLimitError)) throw error;
      const isMemory = error instanceof MemoryLimitError;
      this.#options.onRefused(isMemory ? `memory_${error.level}` : "bad_request");
      await HttpExchange.refuse(client.connection, error);
      await client.connection.closeGently(LINGER);
      return undefined;
    }
  }

  async #readRequest(client: HttpClient, timeout: number): Promise<HttpRequest | undefined> {
    const { connection, inbox } = client;
    using deadline = connection.closeAfter(timeout);
    this.#waiting.add(connection);
    try {
      let found = findRequestHead(inbox.bytes);
      for (; found === undefined; found = findRequestHead(inbox.bytes)) {
        if (await client.more()) continue;
        if (deadline.passed && inbox.length > 0) this.#options.onRefused("head_timeout");
        return undefined;
      }
      const { start, end, lineEnd } = found;
      const request = understandRequest(parseHead(inbox.bytes.subarray(start, end), lineEnd));
      inbox.consume(end);
      return request;
    } finally {
      this.#waiting.delete(connection);
    }
  }
}
