// What each client address, and all of them together, use of something, counted by several threads in
// shared memory. Each thread adds to a column of its own and then checks the sum, so a bound is never
// exceeded; if two threads reach for the last unit at the same time, perhaps neither gets it. Threads wait
// for each other only when an address is given a slot, and not for long, since a thread may die at any
// point. What a dead thread had stops counting as soon as its column is retired.

import { parseIp, unmapIp } from "../core/ip_address.ts";
import { limitOf, type Tally, type TallyBounds, type TallyLimit } from "../core/tally.ts";

/** Keys of a free slot, and of one that is being given to another address. */
const FREE = 0n;
const BUSY = -1n;
/** Key of the slot that counts all addresses together. */
const ALL = 1n;
/** Slots probed for one address; the table is sized so that this is enough. */
const PROBES = 128;
/** Places in the lock's memory: its owner and the slot in hand as 32-bit words, the slot's key in bytes. */
const OWNER = 0;
const SEIZED_SLOT = 1;
const SEIZED_KEY = 8;
/** Attempts at the lock before a thread starts to rest between them, and altogether. */
const SPINS = 100;
const MOST_TRIES = 100_000;
/** Rests of one millisecond before the lock is taken from a retired owner, and from any owner. */
const RESTS_FOR_RETIRED = 10;
const MOST_RESTS = 100;

/** The memory of a tally, handed to every thread, which wraps it in a `SharedTally`. */
export interface TallyMemory {
  readonly keys: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
  /** The number, plus one, of the thread that is giving a slot to an address, and the slot it has in hand. */
  readonly lock: SharedArrayBuffer;
  /** Per column: whether it no longer counts. */
  readonly retired: SharedArrayBuffer;
  readonly columns: number;
  /** Odd and unpredictable: spreads the keys over the slots. */
  readonly multiplier: bigint;
}

/**
 * Memory for this many addresses at the same time.
 *
 * @param columns number of threads that count; each has a number below it
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

/** This thread's share of an address; while it is not zero, the slot cannot be given away. */
interface Held {
  readonly slot: number;
  count: number;
}

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

  /** Subtracts what this thread has added. */
  remove(address: string, by: number): void {
    const held = this.#held.get(address);
    if (held === undefined) return;
    held.count -= by;
    if (held.count <= 0) this.#held.delete(address);
    this.#change(held.slot, -by);
    this.#change(0, -by);
  }

  /** Stops counting the column of a thread that has ended or is about to, whatever it still adds. */
  retire(column: number): void {
    Atomics.store(this.#retired, column, 1);
  }

  /** Frees the column of a thread that has certainly ended. */
  clear(column: number): void {
    if (this.#takeLock(column + 1)) this.#unlock();
    for (let slot = 0; slot <= this.#mask + 1; slot++) {
      const at = slot * this.#columns + column;
      // Reading an untouched page does not allocate it; writing would.
      if (Atomics.load(this.#counts, at) !== 0) Atomics.store(this.#counts, at, 0);
    }
    Atomics.store(this.#retired, column, 0);
  }

  /** Adds to the slot of an address. @returns undefined when no slot can be had */
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

  /** Adds to the slot of a key, even if other threads change it. @returns undefined without a slot */
  #claim(key: bigint, by: number): number | undefined {
    for (let again = 0; again < PROBES; again++) {
      const slot = this.#find(key) ?? this.#takeSlot(key);
      if (slot === undefined) return undefined;
      this.#change(slot, by);
      // Another thread may have found the slot unused just before.
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

  /** @returns undefined also when another thread holds on to the lock */
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

  /** Takes the lock from an owner that has died, and finishes what that one had in hand. */
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

  /** The first slot that is free, or whose address no longer uses it. */
  #giveSlot(key: bigint): number | undefined {
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = this.#slotAt(key, probe);
      if (this.#sum(slot) === 0 && this.#seize(slot, key)) return slot;
    }
    return undefined;
  }

  /** Gives a slot to a key unless it turns out to be in use. */
  #seize(slot: number, key: bigint): boolean {
    const old = Atomics.load(this.#keys, slot);
    Atomics.store(this.#seizedKey, 0, old);
    Atomics.store(this.#lock, SEIZED_SLOT, slot);
    if (Atomics.load(this.#lock, OWNER) !== this.#column + 1) return false;
    Atomics.store(this.#keys, slot, BUSY);
    // A thread that adds in the meantime either sees the changed key or is seen in this sum.
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

/** An address as 64 bits: the /64 of IPv6, or IPv4 in a prefix not used otherwise. */
function keyOf(address: string): bigint {
  const parsed = parseIp(address.split("/", 1)[0]!);
  const bytes = parsed === undefined ? [] : unmapIp(parsed);
  const word = new DataView(new ArrayBuffer(8));
  if (bytes.length === 4) word.setUint32(0, 0xffff);
  bytes.slice(0, 8).forEach((byte, at) => {
    word.setUint8(bytes.length === 4 ? at + 4 : at, byte);
  });
  const key = word.getBigInt64(0);
  // The prefix of the loopback address would equal the key of a free slot.
  return key === FREE || key === BUSY ? 2n : key;
}
