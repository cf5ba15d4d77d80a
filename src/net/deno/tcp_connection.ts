// A TCP connection on Deno's own sockets. Errors that only mean "it is over" become the end of the
// stream. See `Connection`.

import type { Clock } from "../../core/clock.ts";
import type { Address } from "../../core/address.ts";
import { isClosedError } from "../close_errors.ts";
import type { Connection } from "../engine.ts";
import { ProtocolError } from "../../core/errors.ts";
import type { TlsOpener } from "../tls/tls_session.ts";
import { CarriedTls } from "./carried_tls.ts";
import { Deadline } from "../deadline.ts";
import { letGo } from "../linger.ts";
import { PutBack } from "../put_back.ts";

/** See `Connection`. */
export class TcpConnection implements Connection {
  bytesIn = 0;
  bytesOut = 0;
  active = true;
  /** Set by whoever writes with `writeOnce`. */
  isWriting = false;
  bytesTaken = 0;
  peer: Address;
  readonly #conn: Deno.TcpConn;
  readonly #clock: Clock;
  #closed = false;
  #putBack: PutBack | undefined;
  readonly #tlsOpener: (() => TlsOpener) | undefined;
  #tls: CarriedTls | undefined;

  /** @param peer address of the other side, its IP address in canonical form */
  constructor(conn: Deno.TcpConn, peer: Address, clock: Clock, tls?: () => TlsOpener) {
    this.#conn = conn;
    this.#tlsOpener = tls;
    this.#clock = clock;
    this.peer = peer;
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * One read for the packet path: no promise but Deno's own, no accounting.
   *
   * @throws whatever Deno throws; `isClosedError` tells whether it only means the end
   */
  readOnce(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    return (this.#tls ?? this.#conn).read(buffer);
  }

  /** One write for the packet path, like `readOnce`. @returns how much of `bytes` was written */
  writeOnce(bytes: Uint8Array): Promise<number> {
    return (this.#tls ?? this.#conn).write(bytes);
  }

  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    if (this.#putBack !== undefined && this.#putBack.length > 0 && !this.#closed) {
      return this.#putBack.take(buffer);
    }
    try {
      const count = await (this.#tls ?? this.#conn).read(buffer);
      if (count !== null) this.bytesIn += count;
      this.active = true;
      return count;
    } catch (error) {
      if (isClosedError(error)) return null;
      throw error;
    }
  }

  /** Not possible with Deno's sockets. */
  withdrawRead(): boolean {
    return false;
  }

  get isSecure(): boolean {
    return this.#tls !== undefined;
  }

  get isCertified(): boolean {
    return this.#tls?.isCertified ?? false;
  }

  async secure(opener: TlsOpener = this.#tlsOpener!()): Promise<void> {
    if (this.#closed) throw new ProtocolError("Cannot begin TLS: the connection is over");
    const received = new Uint8Array(this.#putBack?.length ?? 0);
    this.#putBack?.take(received);
    const tls = new CarriedTls(this.#conn, opener.open("carried"));
    this.#tls = tls;
    tls.put(received);
    try {
      await tls.handshake();
    } catch (error) {
      if (!isClosedError(error)) throw error;
      throw new ProtocolError("Cannot finish a TLS handshake");
    }
    if (this.#closed) throw new ProtocolError("Cannot finish a TLS handshake");
  }

  async #closeWrite(): Promise<void> {
    await this.#tls?.shutdown();
    await this.#conn.closeWrite();
  }

  unread(bytes: Uint8Array): void {
    this.#putBack ??= new PutBack();
    this.#putBack.put(bytes);
  }

  /** Not possible with Deno's sockets. */
  boundUnsent(): void {}

  async write(bytes: Uint8Array): Promise<boolean> {
    this.isWriting = true;
    try {
      for (let at = 0; at < bytes.length;) {
        const count = await (this.#tls ?? this.#conn).write(at === 0 ? bytes : bytes.subarray(at));
        at += count;
        this.bytesTaken += count;
        this.active = true;
      }
      this.bytesOut += bytes.length;
      return true;
    } catch (error) {
      if (isClosedError(error)) return false;
      throw error;
    } finally {
      this.isWriting = false;
    }
  }

  async closeGently(milliseconds: number, reader?: Promise<unknown>): Promise<void> {
    try {
      await letGo(this, { milliseconds, reader, closeWrite: () => this.#closeWrite() });
    } catch (error) {
      if (!isClosedError(error)) throw error;
    }
  }

  closeAfter(milliseconds: number): Deadline {
    return new Deadline(this.#clock, milliseconds, () => this.close());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tls?.answerEnd();
    this.#tls?.free();
    try {
      this.#conn.close();
    } catch (error) {
      if (!isClosedError(error)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
