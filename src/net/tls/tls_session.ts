// TLS of one connection, as OpenSSL speaks it: over a descriptor of its own, or over bytes that somebody
// carries. Waits for nothing: says what it needs.

import { ProtocolError } from "../../core/errors.ts";
import * as o from "./openssl.ts";

/** What has to happen before it goes on: bytes of the peer's, or room for ours. */
export type TlsNeed = "read" | "write";

/** Where its bytes come from and go to. */
export type TlsTransport =
  | { readonly fd: number; readonly received: Uint8Array<ArrayBuffer> }
  | "carried";

/** What sessions come from. */
export interface SessionSource {
  /** State for one connection, to be freed by whoever has it. @throws ProxyError `overloaded` */
  open(): Deno.PointerObject;
  /** For a session whose handshake is not over; once for each `release`. */
  retain(): void;
  release(): void;
  /** A session was freed. */
  freed(): void;
}

/** Opens the sessions of connections, as the one side of TLS or the other. */
export interface TlsOpener {
  /** @throws ProxyError `overloaded` without memory, `internal` without OpenSSL 3 */
  open(transport: TlsTransport): TlsSession;
}

/** The peer has shown a certificate that we do not believe. */
export class CertificateError extends ProtocolError {}

/** See above. */
export class TlsSession {
  readonly #ssl: o.OpenSsl;
  readonly #source: SessionSource;
  #session: Deno.PointerObject | null;
  /** What its bytes come from once those that had come before are used up. */
  #socket: Deno.PointerValue = null;
  /** Both only where bytes are carried, but the first also while some had come before. */
  #incoming: Deno.PointerValue = null;
  #outgoing: Deno.PointerValue = null;
  #isShaken = false;
  /** Whether another read may find something, or the end, although nothing comes any more. */
  hasMore = false;

  /** @throws ProxyError `overloaded` without memory */
  constructor(ssl: o.OpenSsl, source: SessionSource, transport: TlsTransport) {
    this.#ssl = ssl;
    this.#source = source;
    this.#session = source.open();
    source.retain();
    if (transport === "carried") {
      this.#incoming = newMemory(ssl);
      this.#outgoing = newMemory(ssl);
      ssl.SSL_set0_rbio(this.#session, this.#incoming);
      ssl.SSL_set0_wbio(this.#session, this.#outgoing);
      return;
    }
    const { fd, received } = transport;
    ssl.SSL_set0_wbio(this.#session, ssl.BIO_new_socket(fd, o.BIO_NOCLOSE));
    this.#socket = ssl.BIO_new_socket(fd, o.BIO_NOCLOSE);
    if (received.length === 0) this.#readSocket();
    else {
      this.#incoming = newMemory(ssl);
      ssl.SSL_set0_rbio(this.#session, this.#incoming);
      this.put(received);
    }
  }

  /** Shakes hands. @returns what it needs, or undefined when that is done. @throws ProtocolError */
  handshake(): TlsNeed | undefined {
    const result = this.#call((session) => this.#ssl.SSL_do_handshake(session));
    if (typeof result !== "number") {
      if (result === null) throw new ProtocolError("Cannot finish a TLS handshake: it was left");
      return result;
    }
    this.#isShaken = true;
    // The peer's first words may have come with its last of the handshake.
    this.hasMore = true;
    this.#source.release();
    return undefined;
  }

  /**
   * Reads as many records as are there and fit.
   *
   * @returns bytes read, null at the end of the stream, or what it needs
   */
  read(buffer: Uint8Array<ArrayBuffer>): number | null | TlsNeed {
    let count = 0;
    while (count < buffer.length) {
      const room = count === 0 ? buffer : buffer.subarray(count);
      const result = this.#try((session) => this.#ssl.SSL_read(session, room, room.length));
      if (typeof result !== "number") {
        // What else it is than silence is found again by the next read, to which nothing may lead.
        this.hasMore = result !== "read" && count > 0;
        return count > 0 ? count : result;
      }
      count += result;
    }
    this.hasMore = true;
    return count;
  }

  /** @returns bytes taken, null when the connection is over, or what it needs: the same bytes again */
  write(bytes: Uint8Array<ArrayBuffer>, length = bytes.length): number | null | TlsNeed {
    let at = 0;
    while (at < length) {
      const rest = at === 0 ? bytes : bytes.subarray(at);
      const left = length - at;
      const result = this.#try((session) => this.#ssl.SSL_write(session, rest, left));
      if (typeof result !== "number") return at > 0 ? at : result;
      at += result;
    }
    return at;
  }

  /** Whether the peer has shown a certificate, which has been verified then. */
  get isCertified(): boolean {
    if (this.#session === null) return false;
    const certificate = this.#ssl.SSL_get1_peer_certificate(this.#session);
    if (certificate !== null) this.#ssl.X509_free(certificate);
    return certificate !== null;
  }

  /** Tells the peer that nothing more comes. */
  shutdown(): void {
    if (this.#session === null || !this.#isShaken) return;
    this.#ssl.SSL_shutdown(this.#session);
    this.#ssl.ERR_clear_error();
  }

  /** Bytes of the peer's. */
  put(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#session !== null) this.#ssl.BIO_write(this.#incoming, bytes, bytes.length);
  }

  /** @returns how many bytes for the peer were put into `buffer` */
  take(buffer: Uint8Array<ArrayBuffer>): number {
    if (this.#session === null) return 0;
    return Math.max(0, this.#ssl.BIO_read(this.#outgoing, buffer, buffer.length));
  }

  /** To be called before the descriptor is closed. */
  free(): void {
    if (this.#session === null) return;
    if (!this.#isShaken) this.#source.release();
    if (this.#socket !== null) this.#ssl.BIO_free(this.#socket);
    this.#ssl.SSL_free(this.#session);
    this.#session = null;
    this.#source.freed();
  }

  #try(call: (session: Deno.PointerObject) => number): number | null | TlsNeed {
    try {
      return this.#call(call);
    } catch {
      return null;
    }
  }

  /** @throws ProtocolError when the peer does not speak TLS as we do */
  #call(call: (session: Deno.PointerObject) => number): number | null | TlsNeed {
    const session = this.#session;
    if (session === null) return null;
    while (true) {
      // What somebody else has left there would be taken for a failure of this connection.
      this.#ssl.ERR_clear_error();
      const result = call(session);
      if (result > 0) return result;
      const error = this.#ssl.SSL_get_error(session, result);
      if (error === o.SSL_ERROR_WANT_WRITE) return "write";
      if (error === o.SSL_ERROR_ZERO_RETURN) return null;
      if (error !== o.SSL_ERROR_WANT_READ) throw this.#failure();
      if (this.#incoming !== null && this.#ssl.BIO_ctrl_pending(this.#incoming) > 0n) continue;
      if (this.#socket === null || this.#incoming === null) return "read";
      // What had come before is used up; the rest of a record comes from the socket.
      this.#readSocket();
    }
  }

  #failure(): ProtocolError {
    const said = this.#ssl.ERR_get_error();
    if (said === 0n) return new ProtocolError("Cannot go on with TLS: the connection is over");
    const text = this.#ssl.ERR_reason_error_string(said);
    this.#ssl.ERR_clear_error();
    const verified = Number(this.#ssl.SSL_get_verify_result(this.#session));
    if (verified === o.X509_V_OK) {
      return new ProtocolError(`Cannot go on with TLS: ${textAt(text)}`);
    }
    const why = textAt(this.#ssl.X509_verify_cert_error_string(BigInt(verified)));
    return new CertificateError(`Cannot believe a certificate: ${why}`);
  }

  #readSocket(): void {
    this.#ssl.SSL_set0_rbio(this.#session, this.#socket);
    this.#socket = this.#incoming = null;
  }
}

function textAt(pointer: Deno.PointerValue): string {
  return pointer === null ? "unknown" : new Deno.UnsafePointerView(pointer).getCString();
}

/** Memory for bytes; while it is empty it asks for more instead of saying that this is the end. */
function newMemory(ssl: o.OpenSsl): Deno.PointerValue {
  const memory = ssl.BIO_new(ssl.BIO_s_mem());
  ssl.BIO_ctrl(memory, o.BIO_C_SET_BUF_MEM_EOF_RETURN, -1n, null);
  return memory;
}
