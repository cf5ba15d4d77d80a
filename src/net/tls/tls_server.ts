// TLS for the listeners of one thread, with certificates that can be replaced while connections run.

import { openLibrary, type OpenSslLibrary } from "./openssl.ts";
import type { OpenSslObjects } from "./openssl_objects.ts";
import { SessionTickets } from "./session_tickets.ts";
import { TlsContexts } from "./tls_contexts.ts";
import { isSamePairs, type TlsKeys } from "./tls_keys.ts";
import { type TlsOpener, TlsSession, type TlsTransport } from "./tls_session.ts";

/** What else it is opened with. */
export interface TlsServerOptions {
  /** Of clients, which are asked for a certificate then, in PEM. */
  readonly authorities?: string | undefined;
  /** Of a thread that may end without a word. */
  readonly objects?: OpenSslObjects;
}

/** Opens TLS sessions with the newest certificates. */
export class TlsServer implements TlsOpener, Disposable {
  /**
   * Opens sessions without tickets of TLS 1.3, for protocols whose clients do not resume anyway: to
   * librtmp with GnuTLS a ticket is an error.
   */
  readonly withoutTickets: TlsOpener = {
    open: (transport) => {
      const session = this.open(transport);
      session.withholdTickets();
      return session;
    },
  };
  readonly #library: OpenSslLibrary;
  readonly #tickets: SessionTickets;
  #pairs: TlsKeys["pairs"];
  #authorities: string | undefined;
  #contexts: TlsContexts;

  /** @throws ProxyError `bad_request` when a pair cannot be used, `internal` without OpenSSL 3 */
  constructor({ pairs, ticketKeys }: TlsKeys, { authorities, objects }: TlsServerOptions = {}) {
    this.#library = openLibrary(objects);
    this.#tickets = new SessionTickets(this.#library.symbols, ticketKeys);
    this.#pairs = pairs;
    this.#authorities = authorities;
    try {
      this.#contexts = this.#newContexts(pairs, authorities);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** Replaces the certificates for new connections. @throws ProxyError `bad_request`, and keeps the old ones */
  replace({ pairs, ticketKeys }: TlsKeys, authorities?: string): void {
    if (!isSamePairs(pairs, this.#pairs) || authorities !== this.#authorities) {
      const contexts = this.#newContexts(pairs, authorities);
      this.#contexts[Symbol.dispose]();
      this.#contexts = contexts;
      this.#pairs = pairs;
      this.#authorities = authorities;
    }
    this.#tickets.keys = ticketKeys;
  }

  /** @throws ProxyError `overloaded` without memory */
  open(transport: TlsTransport): TlsSession {
    return new TlsSession(this.#library.symbols, this.#contexts, transport);
  }

  /** To be called when no session is left. */
  [Symbol.dispose](): void {
    this.#contexts[Symbol.dispose]();
    this.#close();
  }

  #newContexts(pairs: TlsKeys["pairs"], authorities: string | undefined): TlsContexts {
    const tickets = this.#tickets;
    return new TlsContexts(this.#library.symbols, { pairs, tickets, authorities });
  }

  #close(): void {
    this.#tickets[Symbol.dispose]();
    this.#library.close();
  }
}
