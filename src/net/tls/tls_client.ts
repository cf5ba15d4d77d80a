// TLS towards origins: which certificates are trusted, and sessions that require one for the right name.

import { ProxyError } from "../../core/errors.ts";
import { parseIp } from "../../core/ip_address.ts";
import * as o from "./openssl.ts";
import type { OpenSslObjects } from "./openssl_objects.ts";
import { cString, newContext, trustAuthorities } from "./tls_context.ts";
import { type SessionSource, type TlsOpener, TlsSession } from "./tls_session.ts";

const NAME_FLAGS = o.X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | o.X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

/** Opens TLS sessions on the client side. OpenSSL is loaded when the first one is opened. */
export class TlsClient implements Disposable {
  readonly #objects: OpenSslObjects | undefined;
  #authorities: string | undefined;
  #library: o.OpenSslLibrary | undefined;
  #context: Deno.PointerObject | undefined;
  #sessions = 0;
  #isOver = false;

  /**
   * @param authorities in PEM; the system's unless given
   * @param objects of a thread that may end without a word
   */
  constructor(authorities?: string, objects?: OpenSslObjects) {
    this.#authorities = authorities;
    this.#objects = objects;
  }

  /** Sets the authorities for new sessions. */
  replace(authorities?: string): void {
    if (authorities === this.#authorities) return;
    this.#authorities = authorities;
    this.#freeContext();
  }

  /** Opens sessions with peers whose certificate is for this host name or IP address. */
  for(name: string): TlsOpener {
    return {
      open: (transport) => {
        this.#library ??= o.openLibrary(this.#objects);
        const { symbols } = this.#library;
        return new TlsSession(symbols, this.#source(symbols, name), transport);
      },
    };
  }

  /** No new session may be opened; open ones continue. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#freeContext();
    this.#closeLibrary();
  }

  /** Each session keeps its context alive, so `retain` and `release` have nothing to do. */
  #source(ssl: o.OpenSsl, name: string): SessionSource {
    return {
      open: () => {
        this.#context ??= clientContext(ssl, this.#authorities);
        const session = ssl.SSL_new(this.#context);
        if (session === null) {
          throw new ProxyError("overloaded", "Cannot open another TLS connection");
        }
        this.#sessions++;
        ssl.SSL_set_connect_state(session);
        expectName(ssl, session, name);
        return session;
      },
      retain() {},
      release() {},
      freed: () => {
        this.#sessions--;
        this.#closeLibrary();
      },
    };
  }

  #freeContext(): void {
    if (this.#context !== undefined) this.#library?.symbols.SSL_CTX_free(this.#context);
    this.#context = undefined;
  }

  /** Closes the library once nobody uses it any more. */
  #closeLibrary(): void {
    if (!this.#isOver || this.#sessions > 0) return;
    this.#library?.close();
    this.#library = undefined;
  }
}

function clientContext(ssl: o.OpenSsl, authorities: string | undefined): Deno.PointerObject {
  const context = newContext(ssl, ssl.TLS_client_method());
  if (authorities !== undefined) trustAuthorities(ssl, context, authorities);
  else ssl.SSL_CTX_set_default_verify_paths(context);
  ssl.ERR_clear_error();
  ssl.SSL_CTX_set_verify(context, o.SSL_VERIFY_PEER, null);
  return context;
}

/** The server name is sent only for host names, not for IP addresses (RFC 6066 section 3). */
function expectName(ssl: o.OpenSsl, session: Deno.PointerObject, name: string): void {
  const parameters = ssl.SSL_get0_param(session);
  const text = cString(name);
  if (parseIp(name) !== undefined) {
    ssl.X509_VERIFY_PARAM_set1_ip_asc(parameters, text);
    return;
  }
  ssl.X509_VERIFY_PARAM_set_hostflags(parameters, NAME_FLAGS);
  ssl.X509_VERIFY_PARAM_set1_host(parameters, text, BigInt(text.length - 1));
  const kind = BigInt(o.TLSEXT_NAMETYPE_HOST_NAME);
  ssl.SSL_ctrl(session, o.SSL_CTRL_SET_TLSEXT_HOSTNAME, kind, text);
}
