// Memory that is counted where it is allocated, so that what a peer can make the program keep is
// bounded. Counts bytes and allocates none.

import { ProtocolError } from "./errors.ts";

/** Whoever keeps bytes for a peer asks here before it allocates them. */
export interface Memory {
  /** So many bytes are about to be allocated. @throws ProxyError when there may be no more of them */
  take(bytes: number): void;
  /** So many of those that were taken are kept no more. */
  give(bytes: number): void;
}

/** A fixed number of bytes for one purpose, which may be a part of somebody else's. */
export class Allowance implements Memory {
  readonly #limit: number;
  readonly #complaint: string;
  readonly #whole: Memory | undefined;
  #taken = 0;

  /**
   * @param limit bytes
   * @param complaint what cannot be done when they are used up: "Cannot keep more commands"
   * @param whole what they are taken from too
   */
  constructor(limit: number, complaint: string, whole?: Memory) {
    this.#limit = limit;
    this.#complaint = complaint;
    this.#whole = whole;
  }

  /** Bytes that are taken now. */
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
