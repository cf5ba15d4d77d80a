// Counts what clients use of something, for each address and in total, against bounds. Does not know what
// is counted.

/** Read at every addition, since they may change. */
export interface TallyBounds {
  readonly perAddress: number;
  readonly total: number;
  /** Whether no address may have more than is then left for all others. */
  readonly leavesRoom?: boolean;
}

/** Which bound was reached. */
export type TallyLimit = "address" | "total";

/** Counts by address, as returned by `addressGroup`. */
export interface Tally {
  /** The sum over all addresses. */
  readonly total: number;
  /** Number of addresses with a count above 0. */
  readonly size: number;
  /**
   * Adds `by` for an address unless that would exceed a bound.
   *
   * @returns the bound that would be exceeded; nothing was added then
   */
  add(address: string, by: number, bounds: TallyBounds): TallyLimit | undefined;
  /** Subtracts what was added. */
  remove(address: string, by: number): void;
}

/** Counts of one thread; addresses with a count of 0 take no memory. */
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

/** The bound exceeded by these counts of an address and of all together. */
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
