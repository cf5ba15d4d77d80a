// Datagrams over TCP: each is preceded by its 16-bit length (RFC 4571 section 2), as ICE over TCP
// uses them (RFC 6544 section 3). Does not look at their contents, and waits for nothing.

/** Bytes before each datagram. */
export const FRAME_HEADER = 2;

export interface FrameBounds {
  /** Longest datagram, bytes; longer ones are skipped. */
  readonly longest: number;
  /** Size of the receive buffer, bytes; at least one frame of the greatest length. */
  readonly capacity: number;
}

/**
 * Extracts datagrams from a byte stream, in place in its receive buffer.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const reader = new FrameReader({ longest: 4, capacity: 16 });
 * const bytes = Uint8Array.of(0, 2, 7, 8, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 1, 9, 0);
 * for (const byte of bytes) {
 *   reader.space[0] = byte;
 *   reader.received(1);
 * }
 * assert.deepEqual([...reader.next()!], [7, 8]);
 * assert.deepEqual([...reader.next()!], [9], "after an empty one and one that is too long");
 * assert.equal(reader.next(), undefined);
 * assert.deepEqual([reader.empty, reader.tooLong], [1, 1]);
 * ```
 */
export class FrameReader {
  /** How many datagrams have been skipped so far: empty ones, and ones that were too long. */
  empty = 0;
  tooLong = 0;
  readonly #longest: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** Start of the received bytes that have not been taken. */
  #start = 0;
  #end = 0;
  /** Bytes still to be skipped of a datagram that is too long. */
  #left = 0;

  constructor({ longest, capacity }: FrameBounds) {
    if (capacity < FRAME_HEADER + longest) {
      throw new RangeError(`Cannot read frames of ${longest} bytes: current value is ${capacity}`);
    }
    this.#longest = longest;
    this.#bytes = new Uint8Array(capacity);
  }

  /** The space for the next bytes; never empty after `next` has returned undefined. */
  get space(): Uint8Array<ArrayBuffer> {
    if (this.#start > 0) {
      this.#bytes.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#bytes.subarray(this.#end);
  }

  /** Records that `count` bytes have been written to `space`. */
  received(count: number): void {
    this.#end += count;
  }

  /**
   * Takes the next datagram, which is never empty.
   *
   * @returns valid until `space` is used; undefined if more bytes are needed
   */
  next(): Uint8Array<ArrayBuffer> | undefined {
    while (this.#skip() && this.#end - this.#start >= FRAME_HEADER) {
      const at = this.#start + FRAME_HEADER;
      const length = (this.#bytes[at - 2]! << 8) | this.#bytes[at - 1]!;
      if (length > this.#longest) {
        this.tooLong++;
        this.#left = length;
      } else if (this.#end - at < length) return undefined;
      else if (length === 0) this.empty++;
      else {
        this.#start = at + length;
        return this.#bytes.subarray(at, this.#start);
      }
      this.#start = at;
    }
    return undefined;
  }

  /** @returns whether nothing more is to be skipped */
  #skip(): boolean {
    const there = Math.min(this.#left, this.#end - this.#start);
    this.#start += there;
    this.#left -= there;
    return this.#left === 0;
  }
}

/**
 * Writes a datagram with its length in front.
 *
 * @param length how many bytes of `datagram` to write from its start, at most 65,535
 * @returns the length of the frame
 */
export function writeFrame(into: Uint8Array, datagram: Uint8Array, length: number): number {
  into[0] = length >> 8;
  into[1] = length;
  into.set(length === datagram.length ? datagram : datagram.subarray(0, length), FRAME_HEADER);
  return FRAME_HEADER + length;
}
