// A listening HTTP port over Deno.serve, with an end that cannot hang. Knows no routes.

import type { ListenAddress } from "../core/endpoint.ts";
import type { Address } from "../core/origin.ts";
import { bind } from "./bind.ts";
import { Deadline } from "./deadline.ts";

/** How long open requests may take once the server has been told to stop, milliseconds. */
const PATIENCE = 2000;

/** Answers one request. */
export type HttpHandler = (
  request: Request,
  info: Deno.ServeHandlerInfo<Deno.NetAddr>,
) => Response | Promise<Response>;

/** What an HttpServer needs to know. */
export interface HttpServerOptions {
  /** What listens, for error messages: "System API". */
  readonly name: string;
  readonly listen: ListenAddress;
  readonly handler: HttpHandler;
  /** Told of what the handler throws; the client gets a bare 500. */
  onError(error: unknown): void;
}

/** A bound HTTP port. */
export class HttpServer implements AsyncDisposable {
  /** Resolves after `stop`; rejects when the server dies by itself. */
  readonly closed: Promise<void>;
  readonly address: Address;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #stopped: Promise<void> | undefined;

  private constructor(server: Deno.HttpServer<Deno.NetAddr>) {
    this.#server = server;
    this.closed = server.finished;
    this.address = { host: server.addr.hostname, port: server.addr.port };
  }

  /** @throws ProxyError `internal` with one clear line when the port cannot be bound */
  static open({ name, listen, handler, onError }: HttpServerOptions): HttpServer {
    const server = bind(name, listen, (where) =>
      Deno.serve({
        ...where,
        onListen: () => {},
        onError: (error) => {
          onError(error);
          return new Response(null, { status: 500 });
        },
      }, handler));
    return new HttpServer(server);
  }

  /** Takes no new connection; requests under way go on. */
  stop(): void {
    this.#stopped ??= this.#server.shutdown();
  }

  /** Stops, and gives up on requests that do not end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    const { promise, resolve } = Promise.withResolvers<void>();
    using _deadline = new Deadline(PATIENCE, resolve);
    await Promise.race([this.#stopped, promise]);
  }
}
