// What each client address, and all together, have of something, counted by several threads in memory
// that they share. Each adds to a column of its own and then looks at the sum, so that a bound is never
// passed; when two threads reach for the last one at the same time, it may be that neither gets it. They
// wait for each other only where an address gets a slot, and not for long: a thread may die at any point.
// What a dead one had counts no more as soon as its column is retired.

import { parseIp, unmapIp } from "../core/ip_address.ts";
import { limitOf, type Tally, type TallyBounds, type TallyLimit } from "../core/tally.ts";

/** A slot is free when its key is 0, and being given to another address when it is -1. */
const FREE = 0n;
const BUSY = -1n;
/** Stands for all addresses together. */
const ALL = 1n;
/** Slots that are looked at for one address; the table is made so large that fewer will do. */
const PROBES = 128;
/** Where the lock is and what its owner has in hand, in 32-bit words, and its key in bytes. */
const OWNER = 0;
const SEIZED_SLOT = 1;
const SEIZED_KEY = 8;
/** How often the lock is tried before a thread rests, and in all, however busy it is. */
const SPINS = 100;
const MOST_TRIES = 100_000;
/** Rests of a millisecond that a retired owner is given to let go, and any owner. */
const RESTS_FOR_RETIRED = 10;
const MOST_RESTS = 100;

/** The memory of a tally: to be handed to every thread, which makes a `SharedTally` of it. */
export interface TallyMemory {
  readonly keys: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
  /** The number of the thread that gives a slot to an address, plus one, and what it has in hand. */
  readonly lock: SharedArrayBuffer;
  /** For each column whether it counts no more. */
  readonly retired: SharedArrayBuffer;
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
    lock: new SharedArrayBuffer(16),
    retired: new SharedArrayBuffer(columns * 4),
    columns,
    multiplier: multiplier! | 1n,
  };
}

/** What this thread has for an address, whose slot is nobody else's meanwhile. */
interface Held {
  readonly slot: number;
  count: number;
}

/** One thread's view of the counts. */
export class SharedTally implements Tally {
  readonly #keys: BigInt64Array;
  readonly #counts: Int32Array;
  readonly #lock: Int32Array;
  readonly #seizedKey: BigInt64Array;
  readonly #retired: Int32Array;
  readonly #columns: number;
  readonly #column: number;
  readonly #multiplier: bigint;
  readonly #mask: number;
  readonly #held = new Map<string, Held>();

  /** @param column this thread's own */
  constructor(memory: TallyMemory, column: number) {
    this.#keys = new BigInt64Array(memory.keys);
    this.#counts = new Int32Array(memory.counts);
    this.#lock = new Int32Array(memory.lock);
    this.#seizedKey = new BigInt64Array(memory.lock, SEIZED_KEY, 1);
    this.#retired = new Int32Array(memory.retired);
    this.#columns = memory.columns;
    this.#column = column;
    this.#multiplier = memory.multiplier;
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
    const slot = this.#find(keyOf(address));
    return slot === undefined ? 0 : this.#sum(slot);
  }

  add(address: string, by: number, bounds: TallyBounds): TallyLimit | undefined {
    const slot = this.#hold(address, by);
    if (slot === undefined) return "total";
    this.#change(0, by);
    const limit = limitOf({ held: this.#sum(slot), total: this.#sum(0), by }, bounds);
    if (limit !== undefined) this.remove(address, by);
    return limit;
  }

  /** Takes away what this thread has added. */
  remove(address: string, by: number): void {
    const held = this.#held.get(address);
    if (held === undefined) return;
    held.count -= by;
    if (held.count <= 0) this.#held.delete(address);
    this.#change(held.slot, -by);
    this.#change(0, -by);
  }

  /** What a thread has added that is about to end, or has, counts no more, whatever it still does. */
  retire(column: number): void {
    Atomics.store(this.#retired, column, 1);
  }

  /** Gives the column of a thread that has certainly ended to another one. */
  clear(column: number): void {
    if (this.#takeLock(column + 1)) this.#unlock();
    for (let slot = 0; slot <= this.#mask + 1; slot++) {
      const at = slot * this.#columns + column;
      // Memory that is only read takes none.
      if (Atomics.load(this.#counts, at) !== 0) Atomics.store(this.#counts, at, 0);
    }
    Atomics.store(this.#retired, column, 0);
  }

  /** Adds to the slot of an address. @returns undefined when it can have none */
  #hold(address: string, by: number): number | undefined {
    const held = this.#held.get(address);
    if (held !== undefined) {
      held.count += by;
      this.#change(held.slot, by);
      return held.slot;
    }
    const slot = this.#claim(keyOf(address), by);
    if (slot !== undefined) this.#held.set(address, { slot, count: by });
    return slot;
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

  /** @returns undefined too when another thread does not let go */
  #locked<T>(work: () => T): T | undefined {
    if (!this.#waitForLock()) return undefined;
    try {
      return work();
    } finally {
      this.#unlock();
    }
  }

  #waitForLock(): boolean {
    let rests = 0;
    for (let tries = 0; tries < MOST_TRIES && rests < MOST_RESTS; tries++) {
      const owner = Atomics.compareExchange(this.#lock, OWNER, 0, this.#column + 1);
      if (owner === 0) return true;
      if (tries < SPINS || Atomics.wait(this.#lock, OWNER, owner, 1) !== "timed-out") continue;
      rests++;
      if (rests < RESTS_FOR_RETIRED || !this.#isRetired(owner - 1)) continue;
      if (this.#takeLock(owner)) return true;
    }
    return false;
  }

  /** Takes the lock over from an owner that has died, and puts down what that had in hand. */
  #takeLock(owner: number): boolean {
    const found = Atomics.compareExchange(this.#lock, OWNER, owner, this.#column + 1);
    if (found !== owner) return false;
    const slot = Atomics.load(this.#lock, SEIZED_SLOT);
    Atomics.compareExchange(this.#keys, slot, BUSY, Atomics.load(this.#seizedKey, 0));
    return true;
  }

  #unlock(): void {
    Atomics.compareExchange(this.#lock, OWNER, this.#column + 1, 0);
    Atomics.notify(this.#lock, OWNER, 1);
  }

  /** The first slot that is free, or of no use to its address any more. */
  #giveSlot(key: bigint): number | undefined {
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = this.#slotAt(key, probe);
      if (this.#sum(slot) === 0 && this.#seize(slot, key)) return slot;
    }
    return undefined;
  }

  /** Gives a slot to a key unless it is in use all the same. */
  #seize(slot: number, key: bigint): boolean {
    const old = Atomics.load(this.#keys, slot);
    Atomics.store(this.#seizedKey, 0, old);
    Atomics.store(this.#lock, SEIZED_SLOT, slot);
    if (Atomics.load(this.#lock, OWNER) !== this.#column + 1) return false;
    Atomics.store(this.#keys, slot, BUSY);
    // Whoever has added meanwhile sees that the key has gone, or is seen here.
    const isUnused = this.#sum(slot) === 0;
    Atomics.compareExchange(this.#keys, slot, BUSY, isUnused ? key : old);
    return isUnused;
  }

  #change(slot: number, by: number): void {
    Atomics.add(this.#counts, slot * this.#columns + this.#column, by);
  }

  #sum(slot: number): number {
    let sum = 0;
    const first = slot * this.#columns;
    for (let column = 0; column < this.#columns; column++) {
      const count = Atomics.load(this.#counts, first + column);
      if (count !== 0 && !this.#isRetired(column)) sum += count;
    }
    return sum;
  }

  #isRetired(column: number): boolean {
    return Atomics.load(this.#retired, column) !== 0;
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
