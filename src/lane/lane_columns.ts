// Hands out the columns of the shared tallies. Each start of a lane gets a column of its own, so that a
// new lane need not wait for the old one's thread, which may still be counting, to end.

import { SharedTally, type TallyMemory, tallyMemory } from "./shared_tally.ts";

/** Limit on addresses counted at the same time. */
const ADDRESSES = 65_536;
/** Columns per lane: its own and its predecessor's. */
const STARTS = 2;

/** Memory of a tally for this many lanes and the main thread, whose column is 0. */
export function laneTally(lanes: number): TallyMemory {
  return tallyMemory(ADDRESSES, 1 + lanes * STARTS);
}

/** Which columns are in use, the same in all tallies of `laneTally`. */
export class LaneColumns {
  readonly #tallies: SharedTally[] = [];
  readonly #free: number[];

  /** @param lanes how many the memory is made for */
  constructor(lanes: number) {
    this.#free = Array.from({ length: lanes * STARTS }, (_, at) => at + 1);
  }

  /** Adds another tally. @returns its memory */
  add(memory: TallyMemory): TallyMemory {
    this.#tallies.push(new SharedTally(memory, 0));
    return memory;
  }

  /** A free column; undefined when the threads of too many failed lanes still run. */
  take(): number | undefined {
    return this.#free.shift();
  }

  /** Takes the counts of a column out of all totals. */
  retire(column: number): void {
    for (const tally of this.#tallies) tally.retire(column);
  }

  /** Frees the column of a thread that has ended. */
  give(column: number): void {
    for (const tally of this.#tallies) tally.clear(column);
    this.#free.push(column);
  }
}
