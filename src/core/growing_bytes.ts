// Bytes that arrive in pieces, kept as one. Memory is taken as they arrive, whatever was announced,
// and many small pieces take no more than a few large ones.

import type { Memory } from "./memory.ts";

/** Bytes allocated at first, unless more have arrived. */
const FIRST = 512;
/** Overhead of a buffer, bytes. */
export const BUFFER_COST = 256;

/** A buffer that doubles when it is full, up to its maximum length. */
export class GrowingBytes {
  readonly #limit: number;
  readonly #memory: Memory | undefined;
  #buffer = new Uint8Array();
  #length = 0;

  /**
   * @param limit bytes that may come; whoever appends sees to it
   * @param memory what the buffer is taken from
   */
  constructor(limit: number, memory?: Memory) {
    this.#limit = limit;
    this.#memory = memory;
  }

  /** What has come, as a view that the next `append` may detach; when all has come, the whole buffer. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#length;
  }

  /** Length of the buffer. */
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

  /** Gives the memory back; what `bytes` returned belongs to whoever has it. */
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
