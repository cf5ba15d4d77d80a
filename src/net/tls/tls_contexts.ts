// What a thread's TLS connections are made from: certificates loaded into OpenSSL, one context for each,
// and the choice among them by the name that a client asks for.

import { ProxyError } from "../../core/errors.ts";
import * as o from "./openssl.ts";
import { cString, newContext, PemReader, trustAuthorities } from "./tls_context.ts";
import type { SessionTickets } from "./session_tickets.ts";
import type { TlsPair } from "./tls_keys.ts";
import type { SessionSource } from "./tls_session.ts";

const SESSION_CONTEXT = new TextEncoder().encode("srs-proxy");

type Pointer = Deno.PointerValue;
type NameCallback = Deno.UnsafeCallback<{
  readonly parameters: readonly ["pointer", "pointer", "pointer"];
  readonly result: "i32";
}>;

export interface TlsContextsOptions {
  /** At least one. */
  readonly pairs: readonly TlsPair[];
  /** Must outlive the contexts. */
  readonly tickets: SessionTickets;
  /** In PEM; if given, clients are asked for a certificate. */
  readonly authorities?: string | undefined;
}

/** Contexts for a list of certificates. Connections continue after it is disposed of. */
export class TlsContexts implements SessionSource, Disposable {
  readonly #ssl: o.OpenSsl;
  readonly #contexts: readonly Deno.PointerObject[];
  readonly #callback: NameCallback | undefined;
  #users = 1;

  /** @throws ProxyError `bad_request` when a pair cannot be used; it says what is wrong */
  constructor(ssl: o.OpenSsl, { pairs, tickets, authorities }: TlsContextsOptions) {
    this.#ssl = ssl;
    const contexts: Deno.PointerObject[] = [];
    this.#contexts = contexts;
    try {
      for (const pair of pairs) {
        const pointer = serverContext(ssl, tickets);
        contexts.push(pointer);
        usePair(ssl, pointer, pair);
        if (authorities !== undefined) askForCertificates(ssl, pointer, authorities);
      }
    } catch (error) {
      this.#free();
      throw error;
    }
    if (contexts.length > 1) this.#callback = this.#chooseByName();
  }

  /**
   * OpenSSL's state for one connection, to be freed by the caller.
   *
   * @throws ProxyError `overloaded` without memory
   */
  open(): Deno.PointerObject {
    const session = this.#ssl.SSL_new(this.#contexts[0]!);
    if (session === null) throw new ProxyError("overloaded", "Cannot open another TLS connection");
    this.#ssl.SSL_set_accept_state(session);
    return session;
  }

  /** Keeps the contexts for a connection whose handshake may still choose among them, until `release`. */
  retain(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users === 0) this.#free();
  }

  freed(): void {}

  /** No new connection may use it. */
  [Symbol.dispose](): void {
    this.release();
  }

  #free(): void {
    for (const pointer of this.#contexts) this.#ssl.SSL_CTX_free(pointer);
    this.#callback?.close();
  }

  #chooseByName(): NameCallback {
    const ssl = this.#ssl;
    const definition = { parameters: ["pointer", "pointer", "pointer"], result: "i32" } as const;
    const callback = new Deno.UnsafeCallback(definition, (session: Pointer) => {
      const name = ssl.SSL_get_servername(session, o.TLSEXT_NAMETYPE_HOST_NAME);
      if (name === null) return o.SSL_TLSEXT_ERR_NOACK;
      const found = this.#contextFor(cString(new Deno.UnsafePointerView(name).getCString()));
      if (found !== undefined) ssl.SSL_set_SSL_CTX(session, found);
      return o.SSL_TLSEXT_ERR_OK;
    });
    const [first] = this.#contexts;
    ssl.SSL_CTX_callback_ctrl(first!, o.SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, callback.pointer);
    return callback;
  }

  /** Prefers a certificate with the exact name to one with a pattern that matches. */
  #contextFor(name: Uint8Array<ArrayBuffer>): Deno.PointerObject | undefined {
    const size = BigInt(name.length - 1);
    const isFor = (context: Pointer, flags: number) => {
      const certificate = this.#ssl.SSL_CTX_get0_certificate(context);
      return this.#ssl.X509_check_host(certificate, name, size, flags, null) === 1;
    };
    return this.#contexts.find((one) => isFor(one, o.X509_CHECK_FLAG_NO_WILDCARDS)) ??
      this.#contexts.find((one) => isFor(one, 0));
  }
}

function serverContext(ssl: o.OpenSsl, tickets: SessionTickets): Deno.PointerObject {
  const context = newContext(ssl, ssl.TLS_server_method());
  // A returning client may meet another thread, which can only resume from a ticket.
  ssl.SSL_CTX_ctrl(context, o.SSL_CTRL_SET_SESS_CACHE_MODE, BigInt(o.SSL_SESS_CACHE_OFF), null);
  ssl.SSL_CTX_set_session_id_context(context, SESSION_CONTEXT, SESSION_CONTEXT.length);
  tickets.use(context);
  return context;
}

function usePair(ssl: o.OpenSsl, context: Deno.PointerObject, { certificate, key }: TlsPair): void {
  using chain = new PemReader(ssl, certificate);
  const leaf = chain.certificate();
  if (leaf === null) throw unusable("Cannot read a certificate in PEM");
  const isTaken = ssl.SSL_CTX_use_certificate(context, leaf) === 1;
  ssl.X509_free(leaf);
  if (!isTaken) throw unusable(`Cannot use the certificate: ${reason(ssl)}`);
  for (let next; (next = chain.certificate()) !== null;) {
    if (ssl.SSL_CTX_ctrl(context, o.SSL_CTRL_CHAIN_CERT, 0n, next) === 1n) continue;
    const why = reason(ssl);
    ssl.X509_free(next);
    throw unusable(`Cannot use a certificate of the chain: ${why}`);
  }
  using reader = new PemReader(ssl, key);
  const privateKey = reader.privateKey();
  if (privateKey === null) throw unusable("Cannot read a private key in PEM without a password");
  const isFitting = ssl.SSL_CTX_use_PrivateKey(context, privateKey) === 1 &&
    ssl.SSL_CTX_check_private_key(context) === 1;
  ssl.EVP_PKEY_free(privateKey);
  ssl.ERR_clear_error();
  if (!isFitting) throw unusable("Cannot use a private key that is not the certificate's");
}

/** Lets clients present a certificate; one that these authorities have not signed ends the handshake. */
function askForCertificates(ssl: o.OpenSsl, context: Deno.PointerObject, text: string): void {
  trustAuthorities(ssl, context, text);
  ssl.SSL_CTX_set_verify(context, o.SSL_VERIFY_PEER, null);
  // A resumed session would count as certified even if the certificate has expired in the meantime, or
  // its authority is no longer trusted.
  ssl.SSL_CTX_set_options(context, o.SSL_OP_NO_TICKET);
  ssl.SSL_CTX_set_num_tickets(context, 0n);
}

/** Why the last call failed, as OpenSSL words it. */
function reason(ssl: o.OpenSsl): string {
  const text = ssl.ERR_reason_error_string(ssl.ERR_get_error());
  ssl.ERR_clear_error();
  return text === null ? "unknown" : new Deno.UnsafePointerView(text).getCString();
}

function unusable(message: string): ProxyError {
  return new ProxyError("bad_request", message);
}
