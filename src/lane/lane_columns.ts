// The columns of the tallies in which lanes count: each start of a lane gets one of its own, so that a new
// lane need not wait until the thread of the old one, which may still count, has ended.

import { SharedTally, type TallyMemory, tallyMemory } from "./shared_tally.ts";

/** Addresses that may have something at one time. */
const ADDRESSES = 65_536;
/** Columns for each lane: its own and that of the one before it. */
const STARTS = 2;

/** Memory of a tally for so many lanes and the main thread, whose column is 0. */
export function laneTally(lanes: number): TallyMemory {
  return tallyMemory(ADDRESSES, 1 + lanes * STARTS);
}

/** The columns of all tallies of `laneTally` together. */
export class LaneColumns {
  readonly #tallies: SharedTally[] = [];
  readonly #free: number[];

  /** @param lanes for which the memories are made */
  constructor(lanes: number) {
    this.#free = Array.from({ length: lanes * STARTS }, (_, at) => at + 1);
  }

  /** Adds another tally. @returns its memory */
  add(memory: TallyMemory): TallyMemory {
    this.#tallies.push(new SharedTally(memory, 0));
    return memory;
  }

  /** A column that nobody has; undefined when the threads of too many failed lanes still run. */
  take(): number | undefined {
    return this.#free.shift();
  }

  /** What stands in a column counts no more. */
  retire(column: number): void {
    for (const tally of this.#tallies) tally.retire(column);
  }

  /** The thread that had it has ended. */
  give(column: number): void {
    for (const tally of this.#tallies) tally.clear(column);
    this.#free.push(column);
  }
}
