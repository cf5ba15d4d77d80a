// A hash table from the address of a datagram's sender to a small number, made for one lookup per packet:
// fixed memory, no allocation, and a secret seed, so that nobody can choose addresses that collide. Does
// not know what the numbers stand for.

import { RAW_ADDRESS } from "./port.ts";

/** 32-bit words of a key: IP address, port, extra. */
const WORDS = 6;

/** Maps an address, and optionally another 32-bit number, to a number from 0 to 2³¹ − 1. */
export class AddressTable {
  readonly #capacity: number;
  readonly #mask: number;
  readonly #keys: Int32Array;
  /** Value + 1; 0 marks a free slot. */
  readonly #values: Int32Array;
  readonly #seed: number;
  readonly #key = new Int32Array(WORDS);
  #size = 0;

  /** @param capacity most entries it can hold */
  constructor(capacity: number) {
    let slots = 16;
    while (slots < capacity * 2) slots *= 2;
    this.#capacity = capacity;
    this.#mask = slots - 1;
    this.#keys = new Int32Array(slots * WORDS);
    this.#values = new Int32Array(slots);
    this.#seed = crypto.getRandomValues(new Int32Array(1))[0]!;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * The number of an address; -1 when there is none.
   *
   * @param raw in the form of `Datagram.sender`
   * @param extra tells entries of one address apart, for instance a socket id
   */
  get(raw: Uint8Array, extra = 0): number {
    return this.#values[this.#find(raw, extra)]! - 1;
  }

  /** Adds or replaces an entry; copies `raw`. @returns false when it is new and there is no room */
  set(raw: Uint8Array, value: number, extra = 0): boolean {
    const slot = this.#find(raw, extra);
    if (this.#values[slot] === 0) {
      if (this.#size >= this.#capacity) return false;
      this.#size++;
      this.#keys.set(this.#key, slot * WORDS);
    }
    this.#values[slot] = value + 1;
    return true;
  }

  /** Removes an entry. @returns whether it was there */
  delete(raw: Uint8Array, extra = 0): boolean {
    let hole = this.#find(raw, extra);
    if (this.#values[hole] === 0) return false;
    this.#size--;
    // Entries after the hole move up unless that would put them before their own place.
    for (let slot = this.#next(hole); this.#values[slot] !== 0; slot = this.#next(slot)) {
      const home = this.#hash(this.#keys, slot * WORDS);
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#keys.copyWithin(hole * WORDS, slot * WORDS, (slot + 1) * WORDS);
      this.#values[hole] = this.#values[slot]!;
      hole = slot;
    }
    this.#values[hole] = 0;
    return true;
  }

  /** The slot that holds the key or could; leaves the key's words in `#key`. */
  #find(raw: Uint8Array, extra: number): number {
    if (raw.length !== RAW_ADDRESS) return this.#absent(raw.length);
    const key = this.#key;
    for (let word = 0; word < 4; word++) {
      const at = word * 4;
      key[word] = (raw[at]! << 24) | (raw[at + 1]! << 16) | (raw[at + 2]! << 8) | raw[at + 3]!;
    }
    key[4] = (raw[16]! << 8) | raw[17]!;
    key[5] = extra;
    let slot = this.#hash(key, 0);
    while (this.#values[slot] !== 0 && !this.#holds(slot)) slot = this.#next(slot);
    return slot;
  }

  #absent(length: number): never {
    throw new RangeError(`Cannot look up an address: current value is ${length} bytes`);
  }

  #holds(slot: number): boolean {
    const keys = this.#keys;
    const key = this.#key;
    const at = slot * WORDS;
    for (let word = 0; word < WORDS; word++) if (keys[at + word] !== key[word]) return false;
    return true;
  }

  #next(slot: number): number {
    return (slot + 1) & this.#mask;
  }

  /** The mixing steps of MurmurHash3 (public domain), keyed by the seed. */
  #hash(words: Int32Array, at: number): number {
    let hash = this.#seed;
    for (let word = 0; word < WORDS; word++) {
      let part = Math.imul(words[at + word]!, 0xcc9e2d51);
      part = (part << 15) | (part >>> 17);
      hash ^= Math.imul(part, 0x1b873593);
      hash = (hash << 13) | (hash >>> 19);
      hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & this.#mask;
  }
}
