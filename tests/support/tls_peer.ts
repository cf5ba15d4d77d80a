// A TLS client whose every record a test controls: OpenSSL's, with its bytes carried by the test.

import assert from "node:assert/strict";

const CRYPTO = {
  OPENSSL_init_crypto: { parameters: ["u64", "pointer"], result: "i32" },
  BIO_new: { parameters: ["pointer"], result: "pointer" },
  BIO_s_mem: { parameters: [], result: "pointer" },
  BIO_ctrl: { parameters: ["pointer", "i32", "isize", "pointer"], result: "isize" },
  BIO_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  ERR_clear_error: { parameters: [], result: "void" },
} as const;

const SSL = {
  TLS_client_method: { parameters: [], result: "pointer" },
  SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_free: { parameters: ["pointer"], result: "void" },
  SSL_CTX_ctrl: { parameters: ["pointer", "i32", "isize", "pointer"], result: "isize" },
  SSL_CTX_use_certificate_file: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_CTX_use_PrivateKey_file: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_new: { parameters: ["pointer"], result: "pointer" },
  SSL_free: { parameters: ["pointer"], result: "void" },
  SSL_set_connect_state: { parameters: ["pointer"], result: "void" },
  SSL_set0_rbio: { parameters: ["pointer", "pointer"], result: "void" },
  SSL_set0_wbio: { parameters: ["pointer", "pointer"], result: "void" },
  SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
  SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_set_shutdown: { parameters: ["pointer", "i32"], result: "void" },
  SSL_key_update: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_get1_session: { parameters: ["pointer"], result: "pointer" },
  SSL_set_session: { parameters: ["pointer", "pointer"], result: "i32" },
  SSL_session_reused: { parameters: ["pointer"], result: "i32" },
  SSL_SESSION_is_resumable: { parameters: ["pointer"], result: "i32" },
  SSL_get_session: { parameters: ["pointer"], result: "pointer" },
  SSL_SESSION_free: { parameters: ["pointer"], result: "void" },
} as const;

export const TLS_1_2 = 0x0303;
export const TLS_1_3 = 0x0304;
const OPENSSL_INIT_NO_ATEXIT = 0x80000n;
const PEM = 1;
const SET_MAX_VERSION = 124;
const NEVER_EOF = 130;
const SHUT_BOTH_WAYS = 3;

/** The files of a client certificate, in PEM. */
export interface ShownFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface TlsPeerOptions {
  readonly shown?: ShownFiles;
  /** The highest TLS version that it supports. */
  readonly version?: number;
}

/** Connects once at a time; each connection may resume the session of the previous one. */
export class TlsPeer implements Disposable {
  readonly #crypto = Deno.dlopen("libcrypto.so.3", CRYPTO);
  readonly #library = Deno.dlopen("libssl.so.3", SSL);
  readonly #context: Deno.PointerValue;
  #session: Deno.PointerValue = null;
  #ssl: Deno.PointerValue = null;
  #incoming: Deno.PointerValue = null;
  #outgoing: Deno.PointerValue = null;

  constructor({ shown, version }: TlsPeerOptions = {}) {
    // Test files that end at the same time must not free what the end of the process frees.
    this.#crypto.symbols.OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, null);
    const { symbols: ssl } = this.#library;
    this.#context = ssl.SSL_CTX_new(ssl.TLS_client_method());
    if (version !== undefined) {
      ssl.SSL_CTX_ctrl(this.#context, SET_MAX_VERSION, BigInt(version), null);
    }
    if (shown === undefined) return;
    const { certificate, key } = shown;
    assert.equal(ssl.SSL_CTX_use_certificate_file(this.#context, cString(certificate), PEM), 1);
    assert.equal(ssl.SSL_CTX_use_PrivateKey_file(this.#context, cString(key), PEM), 1);
  }

  /** @returns what a handshake begins with */
  hello(): Uint8Array<ArrayBuffer> {
    this.#begin();
    this.#library.symbols.SSL_do_handshake(this.#ssl);
    return this.takeBytes();
  }

  /** Shakes hands over a connection. */
  async shake(conn: Deno.TcpConn): Promise<void> {
    this.#begin();
    while (this.#library.symbols.SSL_do_handshake(this.#ssl) !== 1) {
      await conn.write(this.takeBytes());
      await this.#receive(conn);
    }
    await conn.write(this.takeBytes());
  }

  /** Reads one piece of data from the server. */
  async read(conn: Deno.TcpConn): Promise<Uint8Array> {
    const buffer = new Uint8Array(16_384);
    while (true) {
      const count = this.#library.symbols.SSL_read(this.#ssl, buffer, buffer.length);
      this.#crypto.symbols.ERR_clear_error();
      if (count > 0) return buffer.slice(0, count);
      await this.#receive(conn);
    }
  }

  /** @returns the records that carry the bytes */
  encrypt(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    assert.equal(this.#library.symbols.SSL_write(this.#ssl, bytes, bytes.length), bytes.length);
    return this.takeBytes();
  }

  /** @returns this many key update records; `answered` asks the server to update its own */
  keyUpdates(count: number, answered: boolean): Uint8Array<ArrayBuffer> {
    for (let at = 0; at < count; at++) {
      assert.equal(this.#library.symbols.SSL_key_update(this.#ssl, answered ? 1 : 0), 1);
      assert.equal(this.#library.symbols.SSL_do_handshake(this.#ssl), 1);
    }
    return this.takeBytes();
  }

  /** Makes the next connection resume the session of this one. */
  keepSession(): void {
    const { symbols: ssl } = this.#library;
    if (this.#session !== null) ssl.SSL_SESSION_free(this.#session);
    this.#session = ssl.SSL_get1_session(this.#ssl);
  }

  /** Whether the server has resumed a session. */
  get isResumed(): boolean {
    return this.#library.symbols.SSL_session_reused(this.#ssl) === 1;
  }

  /** Whether the session of this connection can be resumed. */
  get hasTicket(): boolean {
    return this.#library.symbols.SSL_SESSION_is_resumable(
      this.#library.symbols.SSL_get_session(this.#ssl),
    ) === 1;
  }

  /** Bytes for the server. */
  takeBytes(): Uint8Array<ArrayBuffer> {
    const buffer = new Uint8Array(4_194_304);
    const count = this.#crypto.symbols.BIO_read(this.#outgoing, buffer, buffer.length);
    this.#crypto.symbols.ERR_clear_error();
    return buffer.slice(0, Math.max(0, count));
  }

  [Symbol.dispose](): void {
    const { symbols: ssl } = this.#library;
    if (this.#ssl !== null) ssl.SSL_free(this.#ssl);
    if (this.#session !== null) ssl.SSL_SESSION_free(this.#session);
    ssl.SSL_CTX_free(this.#context);
    this.#library.close();
    this.#crypto.close();
  }

  #begin(): void {
    const { symbols: ssl } = this.#library;
    const { symbols: crypto } = this.#crypto;
    if (this.#ssl !== null) {
      // A session that is not closed properly is not resumed.
      ssl.SSL_set_shutdown(this.#ssl, SHUT_BOTH_WAYS);
      ssl.SSL_free(this.#ssl);
    }
    this.#ssl = ssl.SSL_new(this.#context);
    [this.#incoming, this.#outgoing] = [1, 2].map(() => {
      const memory = crypto.BIO_new(crypto.BIO_s_mem());
      crypto.BIO_ctrl(memory, NEVER_EOF, -1n, null);
      return memory;
    }) as [Deno.PointerValue, Deno.PointerValue];
    ssl.SSL_set0_rbio(this.#ssl, this.#incoming);
    ssl.SSL_set0_wbio(this.#ssl, this.#outgoing);
    ssl.SSL_set_connect_state(this.#ssl);
    if (this.#session !== null) ssl.SSL_set_session(this.#ssl, this.#session);
  }

  async #receive(conn: Deno.TcpConn): Promise<void> {
    const { symbols: crypto } = this.#crypto;
    crypto.ERR_clear_error();
    const buffer = new Uint8Array(65_536);
    const count = await conn.read(buffer);
    assert.ok(count !== null, "the server has left");
    crypto.BIO_write(this.#incoming, buffer, count);
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
