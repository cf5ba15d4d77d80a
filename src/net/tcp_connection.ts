// One TCP connection: reads, complete writes, clean closing. Errors that only mean "it is over"
// become the end of the stream. Knows no protocol.

import type { Address } from "../core/origin.ts";
import { isClosedError } from "./close_errors.ts";
import { Deadline } from "./deadline.ts";

/** Most bytes to read and discard from a peer that keeps sending while it is being closed. */
const MAX_LINGER_BYTES = 1 << 20;
/** Connections that are being closed all read into this: nobody looks at it. */
const THROWN_AWAY = new Uint8Array(4096);

/** A connection with its activity. `close` may be called at any time and more than once. */
export class TcpConnection implements Disposable {
  /** Bytes read and written so far. */
  bytesIn = 0;
  bytesOut = 0;
  /** Set by every read and write; whoever watches for idleness clears it. */
  active = true;
  /** Whether bytes wait for the peer to read them; set by whoever writes with `writeOnce`. */
  isWriting = false;
  /** Bytes that the peer's side of the system has taken, those of unfinished writes too. */
  bytesTaken = 0;
  readonly peer: Address;
  readonly #conn: Deno.TcpConn;
  #closed = false;

  /** @param peer address of the other side, its IP address in canonical form */
  constructor(conn: Deno.TcpConn, peer: Address) {
    this.#conn = conn;
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
    return this.#conn.read(buffer);
  }

  /** One write for the packet path, like `readOnce`. @returns how much of `bytes` was written */
  writeOnce(bytes: Uint8Array): Promise<number> {
    return this.#conn.write(bytes);
  }

  /** Reads into `buffer`. @returns the bytes read, or null when the connection is over */
  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    try {
      const count = await this.#conn.read(buffer);
      if (count !== null) this.bytesIn += count;
      this.active = true;
      return count;
    } catch (error) {
      if (isClosedError(error)) return null;
      throw error;
    }
  }

  /** Writes all of `bytes`, which must not change meanwhile. @returns false when it is over */
  async write(bytes: Uint8Array): Promise<boolean> {
    this.isWriting = true;
    try {
      for (let at = 0; at < bytes.length;) {
        const count = await this.#conn.write(at === 0 ? bytes : bytes.subarray(at));
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

  /**
   * Ends the connection so that the peer gets all that was written: sends FIN, then reads what
   * comes until the peer ends it too, for at most `milliseconds`.
   *
   * @param reader whoever is reading the connection; may finish first
   */
  async closeGently(milliseconds: number, reader?: Promise<unknown>): Promise<void> {
    using _deadline = new Deadline(milliseconds, () => this.close());
    try {
      await this.#conn.closeWrite();
      await reader;
      const limit = this.bytesIn + MAX_LINGER_BYTES;
      while (this.bytesIn < limit && (await this.read(THROWN_AWAY)) !== null);
    } catch (error) {
      if (!isClosedError(error)) throw error;
    } finally {
      this.close();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
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
