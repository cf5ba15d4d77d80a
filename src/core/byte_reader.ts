// The bounds-checked reader that all protocol code reads with. Never copies and knows no protocol; all its
// errors are ProtocolErrors.

import { ProtocolError } from "./errors.ts";

const TEXT = new TextDecoder();

/** Reads numbers and byte ranges from a borrowed buffer, which must not change while it is read. */
export class ByteReader {
  #view: DataView;
  #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  u24(): number {
    const at = this.#advance(3);
    return (this.#view.getUint16(at) << 8) | this.#view.getUint8(at + 2);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** A view of the next `length` bytes, valid as long as the buffer is. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** The next `length` bytes as UTF-8; bad sequences become U+FFFD. */
  text(length: number): string {
    return TEXT.decode(this.bytes(length));
  }

  skip(length: number): void {
    this.#advance(length);
  }

  #advance(length: number): number {
    if (length > this.remaining) {
      throw new ProtocolError(
        `Cannot read ${length} bytes: only ${this.remaining} left`,
      );
    }
    const at = this.#offset;
    this.#offset += length;
    return at;
  }
}
