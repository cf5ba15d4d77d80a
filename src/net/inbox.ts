// Bytes that have been read from a connection and not yet been dealt with. One buffer, reused.

import type { TcpConnection } from "./tcp_connection.ts";

const FIRST = 4096;
const SMALL = 1024;
const LARGE = 65536;
const QUIET_READS = 2048;

/** A read buffer that fits what the connection brings: small while it is quiet, large under load. */
export class Inbox {
  #buffer: Uint8Array<ArrayBuffer>;
  #start = 0;
  #end = 0;
  #reads = 0;
  #largest = 0;

  /** @param capacity bytes to begin with */
  constructor(capacity = FIRST) {
    this.#buffer = new Uint8Array(capacity);
  }

  /** What is there, as a view that the next `fill` or `require` overwrites. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** The first `count` bytes have been dealt with. */
  consume(count: number): void {
    this.#start += count;
  }

  /**
   * Reads once into an empty inbox. A read under way must be awaited before the next.
   *
   * @returns false when the connection is over
   */
  async fill(connection: TcpConnection): Promise<boolean> {
    const count = await connection.read(this.empty());
    if (count === null) return false;
    this.filled(count);
    return true;
  }

  /** The whole buffer, to be read into; then `filled` says how much has come. */
  empty(): Uint8Array<ArrayBuffer> {
    this.#start = this.#end = 0;
    return this.#buffer;
  }

  /** The buffer that `empty` gave holds `count` bytes now. */
  filled(count: number): void {
    this.#end = count;
  }

  /** Reads until `count` bytes are there. @returns false when the connection ends before */
  async require(connection: TcpConnection, count: number): Promise<boolean> {
    while (this.length < count) if (!await this.more(connection)) return false;
    return true;
  }

  /**
   * Reads once behind what is there; whoever calls bounds how much that may become.
   *
   * @returns false when the connection is over
   */
  async more(connection: TcpConnection): Promise<boolean> {
    const { length } = this;
    this.#makeRoom(length < this.#buffer.length ? this.#buffer.length : length * 2);
    const count = await connection.read(this.#buffer.subarray(this.#end));
    if (count === null) return false;
    this.#end += count;
    return true;
  }

  /**
   * Makes the buffer larger after a read that filled it, smaller after a long time in which none
   * came near to that. To be called when nothing borrows the bytes.
   */
  adapt(): void {
    const capacity = this.#buffer.length;
    if (this.#end === capacity && capacity < LARGE) {
      this.#replace(Math.min(capacity * 4, LARGE));
      return;
    }
    this.#largest = Math.max(this.#largest, this.#end);
    if (++this.#reads < QUIET_READS) return;
    if (this.#largest * 4 <= capacity && capacity > SMALL) {
      this.#replace(Math.max(capacity / 4, SMALL));
    }
    this.#reads = this.#largest = 0;
  }

  /** Gives an empty inbox its smallest buffer, for a connection that may bring nothing for long. */
  shrink(): void {
    if (this.length === 0 && this.#buffer.length > SMALL) this.#replace(SMALL);
  }

  #makeRoom(count: number): void {
    const kept = this.bytes;
    if (this.#buffer.length < count) this.#buffer = new Uint8Array(count);
    this.#buffer.set(kept);
    this.#end = kept.length;
    this.#start = 0;
  }

  #replace(capacity: number): void {
    this.#buffer = new Uint8Array(capacity);
    this.#start =
      this.#end =
      this.#reads =
      this.#largest =
        0;
  }
}
