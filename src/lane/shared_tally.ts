// What each client address, and all together, have of something, counted by several threads in memory
// that they share. Each adds to a column of its own and then looks at the sum, so that a bound is never
// passed; when two threads reach for the last one at the same time, it may be that neither gets it. They
// wait for each other only where an address gets a slot. A thread that dies leaves a column that can be
// emptied.

import { parseIp, unmapIp } from "../core/ip_address.ts";
import { limitOf, type Tally, type TallyBounds, type TallyLimit } from "../core/tally.ts";

/** A slot is free when its key is 0, and being given to another address when it is -1. */
const FREE = 0n;
const BUSY = -1n;
/** Stands for all addresses together. */
const ALL = 1n;
/** Slots that are looked at for one address; the table is made so large that fewer will do. */
const PROBES = 128;

/** The memory of a tally: to be handed to every thread, which makes a `SharedTally` of it. */
export interface TallyMemory {
  readonly keys: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
  /** The number of the thread that gives a slot to an address, plus one. */
  readonly lock: SharedArrayBuffer;
  readonly columns: number;
  /** Odd, and nobody's to guess: spreads the keys over the slots. */
  readonly multiplier: bigint;
}

/**
 * Memory for so many addresses at a time.
 *
 * @param columns threads that will count, each with a number below it
 */
export function tallyMemory(addresses: number, columns: number): TallyMemory {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(addresses * 2, PROBES)));
  const [multiplier] = crypto.getRandomValues(new BigUint64Array(1));
  return {
    keys: new SharedArrayBuffer((slots + 1) * 8),
    counts: new SharedArrayBuffer((slots + 1) * columns * 4),
    lock: new SharedArrayBuffer(4),
    columns,
    multiplier: multiplier! | 1n,
  };
}

/** One thread's view of the counts. */
export class SharedTally implements Tally {
  readonly #keys: BigInt64Array;
  readonly #counts: Int32Array;
  readonly #lock: Int32Array;
  readonly #columns: number;
  readonly #column: number;
  readonly #multiplier: bigint;
  readonly #mask: number;

  /** @param column this thread's own */
  constructor({ keys, counts, lock, columns, multiplier }: TallyMemory, column: number) {
    this.#keys = new BigInt64Array(keys);
    this.#counts = new Int32Array(counts);
    this.#lock = new Int32Array(lock);
    this.#columns = columns;
    this.#column = column;
    this.#multiplier = multiplier;
    this.#mask = this.#keys.length - 2;
    Atomics.store(this.#keys, 0, ALL);
  }

  /** What all addresses have together. */
  get total(): number {
    return this.#sum(0);
  }

  get size(): number {
    let size = 0;
    for (let slot = 1; slot <= this.#mask + 1; slot++) if (this.#sum(slot) !== 0) size++;
    return size;
  }

  /** What an address has. */
  of(address: string): number {
    const key = keyOf(address);
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = this.#slotAt(key, probe);
      const found = Atomics.load(this.#keys, slot);
      if (found === key) return this.#sum(slot);
      if (found === FREE) return 0;
    }
    return 0;
  }

  add(address: string, by: number, bounds: TallyBounds): TallyLimit | undefined {
    const slot = this.#claim(keyOf(address), by);
    if (slot === undefined) return "total";
    this.#change(0, by);
    const limit = limitOf({ held: this.#sum(slot), total: this.#sum(0), by }, bounds);
    if (limit !== undefined) this.#take(slot, by);
    return limit;
  }

  /** Takes away what this thread has added. */
  remove(address: string, by: number): void {
    const key = keyOf(address);
    // Its slot may be looked at by somebody who wants one: nobody does under the lock.
    const slot = this.#find(key) ?? this.#locked(() => this.#find(key));
    if (slot !== undefined) this.#take(slot, by);
  }

  /** Forgets what a thread has added that is no more, and ends what it was about. */
  clear(column: number): void {
    Atomics.compareExchange(this.#lock, 0, column + 1, 0);
    for (let slot = 0; slot <= this.#mask + 1; slot++) {
      Atomics.store(this.#counts, slot * this.#columns + column, 0);
    }
  }

  /** Adds to the slot of a key, whoever else is at work there. @returns undefined without a slot */
  #claim(key: bigint, by: number): number | undefined {
    for (let again = 0; again < PROBES; again++) {
      const slot = this.#find(key) ?? this.#takeSlot(key);
      if (slot === undefined) return undefined;
      this.#change(slot, by);
      // Somebody may have found the slot unused just before.
      if (Atomics.load(this.#keys, slot) === key) return slot;
      this.#change(slot, -by);
    }
    return undefined;
  }

  #find(key: bigint): number | undefined {
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = this.#slotAt(key, probe);
      const found = Atomics.load(this.#keys, slot);
      if (found === key) return slot;
      if (found === FREE) return undefined;
    }
    return undefined;
  }

  #takeSlot(key: bigint): number | undefined {
    return this.#locked(() => this.#find(key) ?? this.#giveSlot(key));
  }

  #locked<T>(work: () => T): T {
    while (Atomics.compareExchange(this.#lock, 0, 0, this.#column + 1) !== 0);
    try {
      return work();
    } finally {
      Atomics.store(this.#lock, 0, 0);
    }
  }

  /** The first slot that is free, or of no use to its address any more. */
  #giveSlot(key: bigint): number | undefined {
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = this.#slotAt(key, probe);
      const old = Atomics.exchange(this.#keys, slot, BUSY);
      // Whoever has added meanwhile sees that the key has gone, or is seen here.
      const isUnused = this.#sum(slot) === 0;
      Atomics.store(this.#keys, slot, isUnused ? key : old);
      if (isUnused) return slot;
    }
    return undefined;
  }

  #take(slot: number, by: number): void {
    this.#change(slot, -by);
    this.#change(0, -by);
  }

  #change(slot: number, by: number): void {
    Atomics.add(this.#counts, slot * this.#columns + this.#column, by);
  }

  #sum(slot: number): number {
    let sum = 0;
    const first = slot * this.#columns;
    for (let at = first; at < first + this.#columns; at++) sum += Atomics.load(this.#counts, at);
    return sum;
  }

  #slotAt(key: bigint, probe: number): number {
    const spread = Number(BigInt.asUintN(64, key * this.#multiplier) >> 32n);
    return 1 + ((spread + probe) & this.#mask);
  }
}

/** An address as 64 bits: the /64 of IPv6, or IPv4 where no such prefix is in use. */
function keyOf(address: string): bigint {
  const parsed = parseIp(address.split("/", 1)[0]!);
  const bytes = parsed === undefined ? [] : unmapIp(parsed);
  const word = new DataView(new ArrayBuffer(8));
  if (bytes.length === 4) word.setUint32(0, 0xffff);
  bytes.slice(0, 8).forEach((byte, at) => {
    word.setUint8(bytes.length === 4 ? at + 4 : at, byte);
  });
  const key = word.getBigInt64(0);
  // The prefix of the loopback address would be the free key.
  return key === FREE || key === BUSY ? 2n : key;
}
