// How every OpenSSL context is set up, for either side of TLS, and how PEM text is read.

import { ProxyError } from "../../core/errors.ts";
import * as o from "./openssl.ts";

/** Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else. */
const CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";
const OPTIONS = o.SSL_OP_NO_RENEGOTIATION | o.SSL_OP_CIPHER_SERVER_PREFERENCE |
  o.SSL_OP_IGNORE_UNEXPECTED_EOF | o.SSL_OP_NO_COMPRESSION;
const MODES = o.SSL_MODE_ENABLE_PARTIAL_WRITE | o.SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
  o.SSL_MODE_RELEASE_BUFFERS;

type Pointer = Deno.PointerValue;

/** @throws ProxyError `internal` without memory */
export function newContext(ssl: o.OpenSsl, method: Pointer): Deno.PointerObject {
  const context = ssl.SSL_CTX_new(method);
  if (context === null) throw new ProxyError("internal", "Cannot open a TLS context");
  ssl.SSL_CTX_ctrl(context, o.SSL_CTRL_SET_MIN_PROTO_VERSION, BigInt(o.TLS1_2_VERSION), null);
  ssl.SSL_CTX_set_options(context, OPTIONS);
  ssl.SSL_CTX_ctrl(context, o.SSL_CTRL_MODE, BigInt(MODES), null);
  // Otherwise a peer that does nothing but update its keys would keep the thread to itself.
  ssl.SSL_CTX_ctrl(context, o.SSL_CTRL_CLEAR_MODE, BigInt(o.SSL_MODE_AUTO_RETRY), null);
  // One receive call for many records, instead of two for each.
  ssl.SSL_CTX_ctrl(context, o.SSL_CTRL_SET_READ_AHEAD, 1n, null);
  ssl.SSL_CTX_set_cipher_list(context, cString(CIPHERS));
  return context;
}

/** Trusts certificates that these authorities have signed. */
export function trustAuthorities(ssl: o.OpenSsl, context: Pointer, pem: string): void {
  using reader = new PemReader(ssl, pem);
  const store = ssl.SSL_CTX_get_cert_store(context);
  for (let next; (next = reader.certificate()) !== null;) {
    ssl.X509_STORE_add_cert(store, next);
    ssl.X509_free(next);
  }
}

/** Reads the objects in a PEM text, one after the other. */
export class PemReader implements Disposable {
  readonly #ssl: o.OpenSsl;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #bio: Pointer;

  constructor(ssl: o.OpenSsl, text: string) {
    this.#ssl = ssl;
    this.#bytes = new TextEncoder().encode(text);
    this.#bio = ssl.BIO_new_mem_buf(this.#bytes, this.#bytes.length);
  }

  certificate(): Pointer {
    const found = this.#ssl.PEM_read_bio_X509(this.#bio, null, null, null);
    this.#ssl.ERR_clear_error();
    return found;
  }

  privateKey(): Pointer {
    // Without a callback OpenSSL would ask for the password of a key at the terminal.
    const password = Deno.UnsafePointer.of(NO_PASSWORD);
    const found = this.#ssl.PEM_read_bio_PrivateKey(this.#bio, null, null, password);
    this.#ssl.ERR_clear_error();
    return found;
  }

  [Symbol.dispose](): void {
    this.#ssl.BIO_free(this.#bio);
  }
}

const NO_PASSWORD = cString("");

/** The text as a C string. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
