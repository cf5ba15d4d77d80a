// Joins bytes that arrive in pieces. Memory is taken as they arrive, whatever length was announced, and
// many small pieces take no more than a few large ones.

import type { Memory } from "./memory.ts";

/** Bytes of the first buffer, unless more have arrived. */
const FIRST = 512;
/** Overhead of a buffer in bytes. */
export const BUFFER_COST = 256;

/** A buffer that doubles when it is full, up to its limit. */
export class GrowingBytes {
  readonly #limit: number;
  readonly #memory: Memory | undefined;
  #buffer = new Uint8Array();
  #length = 0;

  /**
   * @param limit most bytes that may be appended
   * @param memory where the buffer is taken from
   */
  constructor(limit: number, memory?: Memory) {
    this.#limit = limit;
    this.#memory = memory;
  }

  /** All bytes so far, as a view that the next `append` may detach; once complete, the whole buffer. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Number of bytes so far. */
  get length(): number {
    return this.#length;
  }

  get allocated(): number {
    return this.#buffer.length;
  }

  /** Appends a copy of a piece. @throws RangeError beyond the limit; what the memory throws */
  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#buffer.length) this.#grow(length);
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }

  /** Gives the memory back; what `bytes` returned stays valid for whoever has it. */
  release(): void {
    if (this.#buffer.length === 0) return;
    this.#memory?.give(this.#buffer.length + BUFFER_COST);
    this.#buffer = new Uint8Array();
    this.#length = 0;
  }

  #grow(needed: number): void {
    const size = Math.min(this.#limit, Math.max(FIRST, 2 * this.#buffer.length, needed));
    const more = size - this.#buffer.length;
    this.#memory?.take(this.#buffer.length === 0 ? more + BUFFER_COST : more);
    const grown = new Uint8Array(size);
    grown.set(this.bytes);
    this.#buffer = grown;
  }
}
