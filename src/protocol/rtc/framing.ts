// Datagrams over TCP: each behind its length in 16 bits (RFC 4571 section 2), which is how ICE has them
// (RFC 6544 section 3). Knows nothing of what is in them, and waits for nothing.

/** Bytes before each datagram. */
export const FRAME_HEADER = 2;

/** What a reader is made for. */
export interface FrameBounds {
  /** A longer datagram is passed over, bytes. */
  readonly longest: number;
  /** Memory for what comes; at least one of the longest frames. */
  readonly capacity: number;
}

/**
 * Takes datagrams out of a stream of bytes, in the memory into which these were read.
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
 * assert.deepEqual([...reader.next()!], [9], "behind an empty one, and one that is too long");
 * assert.equal(reader.next(), undefined);
 * assert.deepEqual([reader.empty, reader.tooLong], [1, 1]);
 * ```
 */
export class FrameReader {
  /** How many have been passed over so far: those without a byte, and those that were too long. */
  empty = 0;
  tooLong = 0;
  readonly #longest: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** What was received and not yet taken. */
  #start = 0;
  #end = 0;
  /** Bytes of one that is too long which are still to come. */
  #left = 0;

  constructor({ longest, capacity }: FrameBounds) {
    if (capacity < FRAME_HEADER + longest) {
      throw new RangeError(`Cannot read frames of ${longest} bytes: current value is ${capacity}`);
    }
    this.#longest = longest;
    this.#bytes = new Uint8Array(capacity);
  }

  /** Where the next bytes belong; never empty once `next` has told that there is no other datagram. */
  get space(): Uint8Array<ArrayBuffer> {
    if (this.#start > 0) {
      this.#bytes.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#bytes.subarray(this.#end);
  }

  /** So many have been put there. */
  received(count: number): void {
    this.#end += count;
  }

  /**
   * The next datagram, which is not empty.
   *
   * @returns borrowed until `space` is asked for; undefined when more bytes must come
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

  /** @returns whether nothing is left of one that is too long */
  #skip(): boolean {
    const there = Math.min(this.#left, this.#end - this.#start);
    this.#start += there;
    this.#left -= there;
    return this.#left === 0;
  }
}

/**
 * Writes a datagram's frame.
 *
 * @param length of the datagram, at most 65,535: that many bytes of `datagram` from its beginning
 * @returns the length of the frame
 */
export function writeFrame(into: Uint8Array, datagram: Uint8Array, length: number): number {
  into[0] = length >> 8;
  into[1] = length;
  into.set(length === datagram.length ? datagram : datagram.subarray(0, length), FRAME_HEADER);
  return FRAME_HEADER + length;
}
