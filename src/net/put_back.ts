// Bytes that were read from a connection and put back, to be read again by somebody else.

const NOTHING = new Uint8Array();

/** The bytes put back; empty for nearly every connection. */
export class PutBack {
  #bytes = NOTHING;

  get length(): number {
    return this.#bytes.length;
  }

  /** @param bytes copied; they go before those already there */
  put(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const both = new Uint8Array(bytes.length + this.#bytes.length);
    both.set(bytes);
    both.set(this.#bytes, bytes.length);
    this.#bytes = both;
  }

  /** @returns how many bytes were copied into `buffer` */
  take(buffer: Uint8Array): number {
    const taken = this.#bytes.subarray(0, buffer.length);
    buffer.set(taken);
    this.#bytes = this.#bytes.slice(taken.length);
    return taken.length;
  }
}
