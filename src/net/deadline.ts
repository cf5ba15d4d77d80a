// A deadline for a phase of a conversation: when it passes, something is closed.

/** Longest delay that `setTimeout` takes; it would call back at once for a longer one. */
const LONGEST = 2 ** 31 - 1;

/** A running deadline; disposing of it in time calls it off. */
export class Deadline implements Disposable {
  #passed = false;
  readonly #timer: ReturnType<typeof setTimeout>;

  /** @param onPass called once, `milliseconds` from now, or after 24 days if that is sooner */
  constructor(milliseconds: number, onPass: () => void) {
    this.#timer = setTimeout(() => {
      this.#passed = true;
      onPass();
    }, Math.min(milliseconds, LONGEST));
  }

  get passed(): boolean {
    return this.#passed;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
