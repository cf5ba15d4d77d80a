// An engine that switches connections to TLS where the address asks for it, so that whoever dials origins
// need not know which of them use it.

import type { Address } from "../core/address.ts";
import { ProtocolError, ProxyError } from "../core/errors.ts";
import type {
  Connection,
  DialOptions,
  Listener,
  ListenOptions,
  Pipe,
  PipeParts,
  TcpEngine,
} from "./engine.ts";
import type { TlsClient } from "./tls/tls_client.ts";
import { CertificateError } from "./tls/tls_session.ts";

/** A failed TLS handshake with an origin. */
export interface TlsFailure {
  readonly address: Address;
  readonly why: string;
}

/** See `TcpEngine`; everything except `dial` is the given engine's. */
export class SecuringEngine implements TcpEngine {
  readonly #engine: TcpEngine;
  readonly #client: TlsClient;
  readonly #onFailed: (failure: TlsFailure) => void;

  /** @param onFailed called for each failed handshake, unless it was given up or timed out */
  constructor(engine: TcpEngine, client: TlsClient, onFailed: (failure: TlsFailure) => void) {
    this.#engine = engine;
    this.#client = client;
    this.#onFailed = onFailed;
  }

  get kind(): TcpEngine["kind"] {
    return this.#engine.kind;
  }

  get clock(): TcpEngine["clock"] {
    return this.#engine.clock;
  }

  get namesClients(): boolean {
    return this.#engine.namesClients;
  }

  listen(options: ListenOptions): Listener {
    return this.#engine.listen(options);
  }

  async dial(address: Address, options: DialOptions): Promise<Connection> {
    const { tls } = address;
    if (tls === undefined) return await this.#engine.dial(address, options);
    const end = this.clock.now() + options.timeout;
    const connection = await this.#engine.dial(address, options);
    const { gone } = options;
    using deadline = connection.closeAfter(Math.max(1, end - this.clock.now()));
    const leave = () => connection.close();
    gone?.addEventListener("abort", leave);
    try {
      if (gone?.aborted) leave();
      await connection.secure(this.#client.for(tls));
      return connection;
    } catch (error) {
      connection.close();
      if (gone?.aborted) throw new ProxyError("client_gone", "Client has left");
      if (deadline.passed) {
        throw new ProxyError("origin_timeout", "Origin does not answer", { cause: error });
      }
      throw this.#failed(address, error);
    } finally {
      gone?.removeEventListener("abort", leave);
    }
  }

  pipe(parts: PipeParts): Pipe {
    return this.#engine.pipe(parts);
  }

  #failed(address: Address, error: unknown): unknown {
    const isKnown = error instanceof ProtocolError ||
      error instanceof ProxyError && error.code === "internal";
    if (!isKnown) return error;
    this.#onFailed({ address, why: error.message });
    const message = error instanceof CertificateError
      ? "Origin's certificate is not trusted"
      : "Cannot speak TLS with the origin";
    return new ProxyError("origin_unreachable", message, { cause: error });
  }
}
