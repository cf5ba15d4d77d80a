// Measures how long a peer has taken none of the bytes waiting for it. What it sends meanwhile proves
// nothing: a peer that sends but does not read holds as much memory as one that is gone.

import type { Connection } from "./engine.ts";

/** Watches the writes to one connection from sweep to sweep. */
export class StallWatch {
  readonly #connection: Connection;
  #bytesTaken: number;
  #stalledFor = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#bytesTaken = connection.bytesTaken;
  }

  /**
   * @param elapsed milliseconds since the last sweep
   * @returns milliseconds for which bytes have waited and none was taken
   */
  sweep(elapsed: number): number {
    const { isWriting, bytesTaken } = this.#connection;
    const isStalled = isWriting && bytesTaken === this.#bytesTaken;
    this.#bytesTaken = bytesTaken;
    this.#stalledFor = isStalled ? this.#stalledFor + elapsed : 0;
    return this.#stalledFor;
  }
}
