// Divides a limited resource so that nobody can take so much that others get nothing. Does not know what
// is divided.

/**
 * Units of one kind. A holder may have at most as much as then remains for others: the first that wants
 * everything gets half, the second a quarter, and there is always something left for a newcomer.
 */
export class FairShare {
  readonly #capacity: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  /** @param capacity units that may be held at once */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Units held by all together. */
  get taken(): number {
    return this.#taken;
  }

  /** Number of holders that have something. */
  get holders(): number {
    return this.#held.size;
  }

  /** A share for one purpose of a holder, empty at first. Disposing of it returns its units. */
  open(holder: string): Share {
    return new Share((units) => this.#take(holder, units), (units) => this.#give(holder, units));
  }

  #take(holder: string, units: number): boolean {
    const left = this.#capacity - this.#taken;
    const held = (this.#held.get(holder) ?? 0) + units;
    if (held > left) return false;
    this.#held.set(holder, held);
    this.#taken += units;
    return true;
  }

  #give(holder: string, units: number): void {
    const held = (this.#held.get(holder) ?? 0) - units;
    if (held > 0) this.#held.set(holder, held);
    else this.#held.delete(holder);
    this.#taken -= units;
  }
}

export class Share implements Disposable {
  readonly #take: (units: number) => boolean;
  readonly #give: (units: number) => void;
  #units = 0;

  constructor(take: (units: number) => boolean, give: (units: number) => void) {
    this.#take = take;
    this.#give = give;
  }

  /** Takes this many more units. @returns whether there were enough */
  grow(units: number): boolean {
    if (units <= 0) return true;
    if (!this.#take(units)) return false;
    this.#units += units;
    return true;
  }

  [Symbol.dispose](): void {
    if (this.#units > 0) this.#give(this.#units);
    this.#units = 0;
  }
}
