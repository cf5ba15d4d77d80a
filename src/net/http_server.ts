// A listening HTTP port over Deno.serve, with an end that cannot hang. Knows no routes.

import type { ListenAddress } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/origin.ts";
import { bind } from "./bind.ts";
import { isOutOfResources } from "./close_errors.ts";
import { Deadline } from "./deadline.ts";

/** How long open requests may take once the server has been told to stop, milliseconds. */
const PATIENCE = 2000;
/** How long it rests before it opens anew when the process is out of descriptors. */
const REST = 100;

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
  /** Whether other processes of this user may listen on it at the same time (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  readonly handler: HttpHandler;
  /** Told of what the handler throws; the client gets a bare 500. */
  onError(error: unknown): void;
}

/** A bound HTTP port. */
export class HttpServer implements AsyncDisposable {
  /** Resolves after `stop`; rejects when the server dies by itself. */
  readonly closed: Promise<void>;
  readonly address: Address;
  readonly #options: HttpServerOptions;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #stopped: Promise<void> | undefined;

  private constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = serve(options, options.listen);
    this.address = { host: this.#server.addr.hostname, port: this.#server.addr.port };
    this.closed = this.#watch();
    this.closed.catch(() => {});
  }

  /** @throws ProxyError `internal` with one clear line when the port cannot be bound */
  static open(options: HttpServerOptions): HttpServer {
    return new HttpServer(options);
  }

  /** Takes no new connection; requests under way go on. */
  stop(): void {
    this.#stopped ??= this.#server.shutdown();
  }

  /** Deno's server ends at the first accept that finds no descriptor: it is opened anew then. */
  async #watch(): Promise<void> {
    while (this.#stopped === undefined) {
      try {
        await this.#server.finished;
        if (this.#stopped === undefined) {
          throw new ProxyError("internal", `${this.#options.name} has ended by itself`);
        }
      } catch (error) {
        if (this.#stopped !== undefined) return;
        if (!isOutOfResources(error)) throw error;
        await this.#reopen();
      }
    }
  }

  async #reopen(): Promise<void> {
    while (this.#stopped === undefined) {
      try {
        this.#server = serve(this.#options, this.address);
        return;
      } catch (error) {
        if (!(error instanceof ProxyError) || !isOutOfResources(error.cause)) throw error;
        await new Promise((resolve) => setTimeout(resolve, REST));
      }
    }
  }

  /** Stops, and gives up on requests that do not end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    const { promise, resolve } = Promise.withResolvers<void>();
    using _deadline = new Deadline(PATIENCE, resolve);
    await Promise.race([this.#stopped, promise]);
  }
}

function serve(
  { name, reusePort = false, handler, onError }: HttpServerOptions,
  listen: ListenAddress,
): Deno.HttpServer<Deno.NetAddr> {
  return bind(name, listen, (where) =>
    Deno.serve({
      ...where,
      reusePort,
      onListen: () => {},
      onError: (error) => {
        onError(error);
        return new Response(null, { status: 500 });
      },
    }, handler));
}
