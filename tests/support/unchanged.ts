// A transform that changes nothing.

import type { Transform } from "../../src/net/engine.ts";

/** Changes nothing and never stops. */
export class Unchanged implements Transform {
  readonly isStopped: boolean = false;
  untouched = -1;
  #bytes = new Uint8Array();

  push(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): number {
    this.#bytes = bytes.subarray(start, end);
    return this.untouched = end;
  }

  takePieces(): Uint8Array[] {
    return [this.#bytes];
  }
}
