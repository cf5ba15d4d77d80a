// A deadline for a phase of a conversation, after which something is closed.

import type { Clock } from "../core/clock.ts";

/** A running deadline; disposing of it cancels it. */
export class Deadline implements Disposable {
  #passed = false;
  readonly #timer: Disposable;

  /** @param onPass called once, `milliseconds` from now */
  constructor(clock: Clock, milliseconds: number, onPass: () => void) {
    this.#timer = clock.after(milliseconds, () => {
      this.#passed = true;
      onPass();
    });
  }

  get passed(): boolean {
    return this.#passed;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}
