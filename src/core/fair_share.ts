// Divides a limited resource among those who ask for it, so that nobody ever gets so much that
// another gets nothing. Does not know what is divided.

/**
 * Units of one kind. Whoever asks may hold at most as much as is left for others then: the first that
 * wants everything gets half, a second one a quarter, and there is always something for a newcomer.
 */
export class FairShare {
  readonly #capacity: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  /** @param capacity units that may be held at once */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Units that are held now, by all together. */
  get taken(): number {
    return this.#taken;
  }

  /** Those who hold something now. */
  get holders(): number {
    return this.#held.size;
  }

  /** What one holder takes for one purpose, at first nothing. Given back when disposed of. */
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

/** A part of what is shared. */
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
