// Bytes that have been read from a connection but not yet handled. One reused buffer, charged to a memory
// budget while one is set.

import type { Memory } from "../core/memory.ts";

export interface ByteSource {
  /** See `Connection.read`. */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
}

const NOTHING = new Uint8Array();
const FIRST = 2048;
/** Buffer sizes in bytes. Many connections stay quiet for long. */
const SMALL = 128;
const LARGE = 65536;
const QUIET_READS = 2048;

/** A read buffer that adapts to the connection: small while it is quiet, large under load. */
export class Inbox {
  readonly #first: number;
  #buffer = NOTHING;
  #memory: Memory | undefined;
  #start = 0;
  #end = 0;
  #reads = 0;
  #largest = 0;

  /** @param first size in bytes of the first buffer, which is allocated at the first read */
  constructor(first = FIRST) {
    this.#first = first;
  }

  /**
   * Charges the buffer to this memory from now on, instead of the previous one.
   *
   * @throws what `memory` throws when it has not enough; nothing has changed then
   */
  countIn(memory: Memory | undefined): void {
    if (memory === this.#memory) return;
    memory?.take(this.#buffer.length);
    this.#memory?.give(this.#buffer.length);
    this.#memory = memory;
  }

  /** The buffered bytes, as a view that the next `fill` or `require` overwrites. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Drops the first `count` bytes, which have been handled. */
  consume(count: number): void {
    this.#start += count;
  }

  /**
   * Reads once into an empty inbox. A read in progress must be awaited before the next.
   *
   * @returns false when the connection is over
   */
  async fill(connection: ByteSource): Promise<boolean> {
    const count = await connection.read(this.empty());
    if (count === null) return false;
    this.filled(count);
    return true;
  }

  /** The whole buffer, to be read into; then call `filled` with the number of bytes. */
  empty(): Uint8Array<ArrayBuffer> {
    if (this.#buffer.length === 0) this.#replace(this.#first);
    this.#start = this.#end = 0;
    return this.#buffer;
  }

  /** Says that the buffer from `empty` now holds `count` bytes. */
  filled(count: number): void {
    this.#end = count;
  }

  /**
   * Reads until `count` bytes are there, growing the buffer as needed.
   *
   * @returns false when the connection ends first
   */
  async require(connection: ByteSource, count: number): Promise<boolean> {
    while (this.length < count) if (!await this.more(connection)) return false;
    return true;
  }

  /**
   * Reads once, appending to what is there; the caller bounds how much that may become.
   *
   * @returns false when the connection is over
   */
  more(connection: ByteSource): Promise<boolean> {
    const { length } = this;
    const capacity = this.#buffer.length || this.#first;
    // Not async, because this is pending for every idle player.
    try {
      this.#makeRoom(length < capacity ? capacity : Math.max(length * 2, this.#first));
    } catch (error) {
      return Promise.reject(error);
    }
    return connection.read(this.#buffer.subarray(this.#end)).then((count) => {
      this.#end += count ?? 0;
      return count !== null;
    });
  }

  /**
   * Enlarges the buffer after a read that filled it, and shrinks it after a long time in which no read
   * came near to that. To be called when nothing borrows the bytes.
   */
  adapt(): void {
    const capacity = this.#buffer.length;
    if (this.#end === capacity && capacity < LARGE) {
      // While it is charged its size stays: it will grow once the client is identified.
      if (this.#memory === undefined) this.#replace(Math.min(capacity * 4, LARGE));
      return;
    }
    this.#largest = Math.max(this.#largest, this.#end);
    if (++this.#reads < QUIET_READS) return;
    if (this.#largest * 4 <= capacity && capacity > SMALL) {
      this.#replace(Math.max(capacity / 4, SMALL));
    }
    this.#reads = this.#largest = 0;
  }

  /** Appends bytes that somebody else has read. */
  put(bytes: Uint8Array): void {
    this.#makeRoom(this.length + bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Gives an empty inbox its smallest buffer, for a connection that may stay quiet for long. */
  shrink(): void {
    if (this.length === 0 && this.#buffer.length > SMALL) this.#replace(SMALL);
  }

  /** Frees the buffer of an empty inbox, for a connection that somebody else reads. */
  free(): void {
    if (this.length === 0 && this.#buffer.length > 0) this.#replace(0);
  }

  #makeRoom(count: number): void {
    const kept = this.bytes;
    if (this.#buffer.length < count) this.#allocate(count);
    this.#buffer.set(kept);
    this.#end = kept.length;
    this.#start = 0;
  }

  #allocate(capacity: number): void {
    const before = this.#buffer.length;
    if (capacity > before) this.#memory?.take(capacity - before);
    else this.#memory?.give(before - capacity);
    this.#buffer = capacity === 0 ? NOTHING : new Uint8Array(capacity);
  }

  #replace(capacity: number): void {
    this.#allocate(capacity);
    this.#start =
      this.#end =
      this.#reads =
      this.#largest =
        0;
  }
}
