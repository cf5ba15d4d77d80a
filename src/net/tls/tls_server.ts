// TLS for the listeners of one thread, with certificates that can be replaced while connections run.

import { openLibrary, type OpenSslLibrary } from "./openssl.ts";
import { TlsContexts } from "./tls_contexts.ts";
import type { TlsKeys } from "./tls_keys.ts";
import { type TlsOpener, TlsSession, type TlsTransport } from "./tls_session.ts";

/** Opens TLS sessions with the latest certificates. */
export class TlsServer implements TlsOpener, Disposable {
  readonly #library: OpenSslLibrary;
  #contexts: TlsContexts;

  /**
   * @param authorities in PEM; if given, clients are asked for a certificate
   * @throws ProxyError `bad_request` when a pair cannot be used, `internal` without OpenSSL 3
   */
  constructor(keys: TlsKeys, authorities?: string) {
    this.#library = openLibrary();
    try {
      this.#contexts = new TlsContexts(this.#library.symbols, keys, authorities);
    } catch (error) {
      this.#library.close();
      throw error;
    }
  }

  /** Replaces the certificates for new connections. @throws ProxyError `bad_request`, and keeps the old ones */
  exchange(keys: TlsKeys, authorities?: string): void {
    const contexts = new TlsContexts(this.#library.symbols, keys, authorities);
    this.#contexts[Symbol.dispose]();
    this.#contexts = contexts;
  }

  /** @throws ProxyError `overloaded` without memory */
  open(transport: TlsTransport): TlsSession {
    return new TlsSession(this.#library.symbols, this.#contexts, transport);
  }

  /** To be called when no session is left. */
  [Symbol.dispose](): void {
    this.#contexts[Symbol.dispose]();
    this.#library.close();
  }
}
