// What clients have of something, each address and all together, counted against bounds. Knows nothing of
// what is counted.

/** Bounds; looked at for every addition, so that they may change. */
export interface TallyBounds {
  readonly perAddress: number;
  readonly total: number;
  /** Whether no address gets so much that less is left for all others. */
  readonly leavesRoom?: boolean;
}

/** Why no more is given. */
export type TallyLimit = "address" | "total";

/** Counts by address, as `addressGroup` has it. */
export interface Tally {
  /** What all addresses have together. */
  readonly total: number;
  /** Addresses that have anything. */
  readonly size: number;
  /**
   * Adds `by` for an address unless that passes a bound.
   *
   * @returns the bound that stands in the way, in which case nothing was added
   */
  add(address: string, by: number, bounds: TallyBounds): TallyLimit | undefined;
  /** Takes away what was added. */
  remove(address: string, by: number): void;
}

/** Counts of one thread; addresses that have nothing take no memory. */
export class LocalTally implements Tally {
  readonly #ofAddress = new Map<string, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  get size(): number {
    return this.#ofAddress.size;
  }

  add(address: string, by: number, bounds: TallyBounds): TallyLimit | undefined {
    const held = (this.#ofAddress.get(address) ?? 0) + by;
    const limit = limitOf({ held, total: this.#total + by, by }, bounds);
    if (limit !== undefined) return limit;
    this.#ofAddress.set(address, held);
    this.#total += by;
    return undefined;
  }

  remove(address: string, by: number): void {
    const held = (this.#ofAddress.get(address) ?? 0) - by;
    if (held > 0) this.#ofAddress.set(address, held);
    else this.#ofAddress.delete(address);
    this.#total -= by;
  }
}

/** The bound that is passed by what an address and all together would have. */
export function limitOf(
  { held, total, by }: { readonly held: number; readonly total: number; readonly by: number },
  { perAddress, total: most, leavesRoom = false }: TallyBounds,
): TallyLimit | undefined {
  if (leavesRoom) {
    if (held > perAddress) return "address";
    return held > most - (total - by) ? "total" : undefined;
  }
  if (total > most) return "total";
  return held > perAddress ? "address" : undefined;
}
