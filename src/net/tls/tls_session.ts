// The TLS state of one connection, through OpenSSL: over a descriptor, or over bytes that the caller
// carries. Never waits: says what it needs.

import { ProtocolError } from "../../core/errors.ts";
import * as o from "./openssl.ts";

/** What has to happen before it can go on: bytes from the peer, or room to write. */
export type TlsNeed = "read" | "write";

export type TlsTransport =
  | { readonly fd: number; readonly received: Uint8Array<ArrayBuffer> }
  | "carried";

/** Makes OpenSSL's state for sessions. */
export interface SessionSource {
  /** State for one connection, to be freed by the caller. @throws ProxyError `overloaded` */
  open(): Deno.PointerObject;
  /** Called for a session whose handshake is not over; once for each `release`. */
  retain(): void;
  release(): void;
  freed(): void;
}

/** Opens sessions on one side of TLS. */
export interface TlsOpener {
  /** @throws ProxyError `overloaded` without memory, `internal` without OpenSSL 3 */
  open(transport: TlsTransport): TlsSession;
}

/** The peer's certificate is not trusted. */
export class CertificateError extends ProtocolError {}

export class TlsSession {
  readonly #ssl: o.OpenSsl;
  readonly #source: SessionSource;
  #session: Deno.PointerObject | null;
  /** The socket to read from once the bytes that arrived before TLS began are used up. */
  #socket: Deno.PointerValue = null;
  /** Memory BIOs: both if the caller carries bytes; otherwise only the first, while earlier bytes are left. */
  #incoming: Deno.PointerValue = null;
  #outgoing: Deno.PointerValue = null;
  #isShaken = false;
  /** Whether the peer has said that no more data follows. */
  #isEnded = false;
  /** Whether another read may find bytes or the end, although the socket has nothing new. */
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

  /** Sends no tickets with which TLS 1.3 could resume it. To be called before the handshake. */
  withholdTickets(): void {
    this.#ssl.SSL_set_num_tickets(this.#session, 0n);
  }

  /** Continues the handshake. @returns what it needs; undefined when it is complete. @throws ProtocolError */
  handshake(): TlsNeed | undefined {
    const result = this.#call((session) => this.#ssl.SSL_do_handshake(session));
    if (typeof result !== "number") {
      if (result === null) {
        throw new ProtocolError("Cannot finish a TLS handshake: the peer has left");
      }
      return result;
    }
    this.#isShaken = true;
    // The peer's first data may have arrived together with the end of its handshake.
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
        // An end or an error found now is found again by the next read, which nothing else may trigger.
        this.hasMore = result !== "read" && count > 0;
        return count > 0 ? count : result;
      }
      count += result;
    }
    this.hasMore = true;
    return count;
  }

  /** @returns bytes taken, null when the connection is over, or what it needs before a retry with these bytes */
  write(bytes: Uint8Array<ArrayBuffer>, length = bytes.length): number | null | TlsNeed {
    let at = 0;
    while (at < length) {
      const result = this.#writeSome(at === 0 ? bytes : bytes.subarray(at), length - at);
      if (typeof result !== "number") return at > 0 ? at : result;
      at += result;
    }
    return at;
  }

  /** Nearly every call succeeds, and needs no look at what others have left in the queue of errors. */
  #writeSome(bytes: Uint8Array<ArrayBuffer>, length: number): number | null | TlsNeed {
    const session = this.#session;
    if (session === null) return null;
    const written = this.#ssl.SSL_write(session, bytes, length);
    return written > 0
      ? written
      : this.#try((session) => this.#ssl.SSL_write(session, bytes, length));
  }

  /** Whether the peer has presented a certificate; it has been verified then. */
  get isCertified(): boolean {
    if (this.#session === null) return false;
    const certificate = this.#ssl.SSL_get1_peer_certificate(this.#session);
    if (certificate !== null) this.#ssl.X509_free(certificate);
    return certificate !== null;
  }

  /** Tells the peer that no more data follows. */
  shutdown(): void {
    if (this.#session === null || !this.#isShaken) return;
    this.#ssl.SSL_shutdown(this.#session);
    this.#ssl.ERR_clear_error();
  }

  /**
   * Tells a peer that has ended in order that this side ends too (RFC 8446 section 6.1).
   *
   * @returns whether it has
   */
  answerEnd(): boolean {
    if (this.#isEnded) this.shutdown();
    return this.#isEnded;
  }

  /** Takes bytes from the peer. */
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

  /** @throws ProtocolError when the peer breaks the protocol */
  #call(call: (session: Deno.PointerObject) => number): number | null | TlsNeed {
    const session = this.#session;
    if (session === null) return null;
    while (true) {
      // An error left in the queue by another connection would be mistaken for one of this call.
      this.#ssl.ERR_clear_error();
      const result = call(session);
      if (result > 0) return result;
      const error = this.#ssl.SSL_get_error(session, result);
      if (error === o.SSL_ERROR_WANT_WRITE) return "write";
      if (error === o.SSL_ERROR_ZERO_RETURN) {
        this.#isEnded = true;
        return null;
      }
      if (error !== o.SSL_ERROR_WANT_READ) throw this.#failure();
      if (this.#incoming !== null && this.#ssl.BIO_ctrl_pending(this.#incoming) > 0n) continue;
      if (this.#socket === null || this.#incoming === null) return "read";
      // The earlier bytes are used up; the rest of the record comes from the socket.
      this.#readSocket();
    }
  }

  #failure(): ProtocolError {
    const said = this.#ssl.ERR_get_error();
    if (said === 0n) return new ProtocolError("Cannot continue with TLS: the connection is over");
    const text = this.#ssl.ERR_reason_error_string(said);
    this.#ssl.ERR_clear_error();
    const verified = Number(this.#ssl.SSL_get_verify_result(this.#session));
    if (verified === o.X509_V_OK) {
      return new ProtocolError(`Cannot continue with TLS: ${textAt(text)}`);
    }
    const why = textAt(this.#ssl.X509_verify_cert_error_string(BigInt(verified)));
    return new CertificateError(`Cannot trust the certificate: ${why}`);
  }

  #readSocket(): void {
    this.#ssl.SSL_set0_rbio(this.#session, this.#socket);
    this.#socket = this.#incoming = null;
  }
}

function textAt(pointer: Deno.PointerValue): string {
  return pointer === null ? "unknown" : new Deno.UnsafePointerView(pointer).getCString();
}

/** A memory BIO that asks for more when it is empty, instead of reporting the end. */
function newMemory(ssl: o.OpenSsl): Deno.PointerValue {
  const memory = ssl.BIO_new(ssl.BIO_s_mem());
  ssl.BIO_ctrl(memory, o.BIO_C_SET_BUF_MEM_EOF_RETURN, -1n, null);
  return memory;
}
