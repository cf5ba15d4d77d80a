// Counts memory where it is allocated, to bound what a peer can make the program keep. Allocates nothing
// itself.

import { ProtocolError } from "./errors.ts";

/** Must be asked before bytes are allocated for a peer. */
export interface Memory {
  /** Announces an allocation of this size. @throws ProxyError when it is not allowed */
  take(bytes: number): void;
  /** Returns bytes that are no longer kept. */
  give(bytes: number): void;
}

/** A fixed number of bytes for one purpose, possibly part of a larger budget. */
export class Allowance implements Memory {
  readonly #limit: number;
  readonly #complaint: string;
  readonly #whole: Memory | undefined;
  #taken = 0;

  /**
   * @param limit bytes
   * @param complaint what cannot be done when they are used up: "Cannot keep more commands"
   * @param whole the larger budget, from which they are taken too
   */
  constructor(limit: number, complaint: string, whole?: Memory) {
    this.#limit = limit;
    this.#complaint = complaint;
    this.#whole = whole;
  }

  /** Bytes currently taken. */
  get taken(): number {
    return this.#taken;
  }

  /** @throws ProtocolError when the limit is reached; what the whole throws */
  take(bytes: number): void {
    if (this.#taken + bytes > this.#limit) {
      throw new ProtocolError(`${this.#complaint}: the limit is ${this.#limit} bytes`);
    }
    this.#whole?.take(bytes);
    this.#taken += bytes;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    this.#whole?.give(bytes);
  }
}
