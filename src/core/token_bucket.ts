// A limit on how often something may happen. Time is an argument.

/** Allows `rate` things per second, and `burst` at once. */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt = 0;

  /** @param limits `rate` per second, by the time that `take` is given; `burst` at least 1 */
  constructor({ rate, burst }: { readonly rate: number; readonly burst: number }) {
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** @param now milliseconds, never going backwards @returns whether it may happen now */
  take(now: number): boolean {
    const grown = (now - this.#filledAt) * this.#rate / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + grown);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
