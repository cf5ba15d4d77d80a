// TLS over one of Deno's own connections: carries its bytes to OpenSSL and back.

import { ProtocolError } from "../../core/errors.ts";
import type { TlsSession } from "../tls/tls_session.ts";

/** Largest record, header included (RFC 8446 section 5.2). */
const RECORD = 16_709;

/** Reads and writes the plain text. */
export class CarriedTls {
  readonly #conn: Deno.TcpConn;
  readonly #tls: TlsSession;
  readonly #buffer = new Uint8Array(RECORD);
  /** The last write to the peer. Reading writes too, so writes wait for each other. */
  #flushed: Promise<void> = Promise.resolve();

  constructor(conn: Deno.TcpConn, tls: TlsSession) {
    this.#conn = conn;
    this.#tls = tls;
  }

  /** @throws ProtocolError when the peer leaves or the handshake fails; whatever Deno throws */
  async handshake(): Promise<void> {
    while (true) {
      const isDone = await this.#sent(() => this.#tls.handshake()) === undefined;
      if (isDone) return;
      if (!await this.#receive()) throw new ProtocolError("Cannot finish a TLS handshake");
    }
  }

  /** @returns null at the end. @throws whatever Deno throws */
  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    while (true) {
      const result = this.#tls.read(buffer);
      await this.#flush();
      if (typeof result !== "string") return result;
      if (!await this.#receive()) return null;
    }
  }

  /** @returns how many bytes were written. @throws whatever Deno throws */
  async write(bytes: Uint8Array): Promise<number> {
    // A memory BIO takes everything.
    const result = this.#tls.write(bytes as Uint8Array<ArrayBuffer>);
    await this.#flush();
    if (typeof result === "number") return result;
    throw new Deno.errors.BrokenPipe("TLS is over");
  }

  /** Tells the peer that no more data follows. */
  async shutdown(): Promise<void> {
    this.#tls.shutdown();
    await this.#flush();
  }

  /** See `TlsSession`. Sends what the system takes at once, because the connection is closed next. */
  answerEnd(): void {
    if (!this.#tls.answerEnd()) return;
    const bytes = new Uint8Array(RECORD);
    const count = this.#tls.take(bytes);
    if (count > 0) this.#conn.write(bytes.subarray(0, count)).catch(() => {});
  }

  get isCertified(): boolean {
    return this.#tls.isCertified;
  }

  free(): void {
    this.#tls.free();
  }

  /** Sends what OpenSSL wrote even if the call fails, so that the peer learns why. */
  async #sent<T>(call: () => T): Promise<T> {
    try {
      return call();
    } finally {
      await this.#flush();
    }
  }

  async #receive(): Promise<boolean> {
    const count = await this.#conn.read(this.#buffer);
    if (count !== null) this.#tls.put(this.#buffer.subarray(0, count));
    return count !== null;
  }

  #flush(): Promise<void> {
    const before = this.#flushed;
    const flushed = (async () => {
      await before;
      const bytes = new Uint8Array(RECORD);
      for (let count; (count = this.#tls.take(bytes)) > 0;) {
        for (let at = 0; at < count;) at += await this.#conn.write(bytes.subarray(at, count));
      }
    })();
    this.#flushed = flushed.catch(() => {});
    return flushed;
  }

  /** Takes bytes that were read from the connection earlier. */
  put(bytes: Uint8Array<ArrayBuffer>): void {
    this.#tls.put(bytes);
  }
}
