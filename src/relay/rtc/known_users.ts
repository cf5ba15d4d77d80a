// The users of all sessions of this process, in memory shared by all lanes. A lane asks about a
// known user at once, however many strangers send requests. A user is added before its client is
// sent the answer, and looked up when a request arrives that the lane cannot place. Keeps counts by
// a keyed hash (a counting Bloom filter): a user is never missed, and about one stranger in a
// thousand is taken for a user.

import { SipHash } from "../../core/sip_hash.ts";

/**
 * Counters for each session. Each user takes two of them, so that one stranger in 1,024 hits two.
 */
const SLOTS_PER_SESSION = 64;
const KEY = 16;
const LONGEST_USER = 1_024;

export interface KnownUsersMemory {
  readonly counts: SharedArrayBuffer;
  readonly key: Uint8Array<ArrayBuffer>;
}

/** Allocates memory for `maxSessions` sessions. */
export function knownUsersMemory(maxSessions: number): KnownUsersMemory {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(maxSessions, 16) * SLOTS_PER_SESSION));
  return {
    counts: new SharedArrayBuffer(slots * 2),
    key: crypto.getRandomValues(new Uint8Array(KEY)),
  };
}

/** One thread's view. Only one thread may add and remove. */
export class KnownUsers {
  readonly #counts: Uint16Array<SharedArrayBuffer>;
  readonly #hash: SipHash;
  readonly #encoder = new TextEncoder();
  readonly #bytes = new Uint8Array(LONGEST_USER);

  constructor({ counts, key }: KnownUsersMemory) {
    this.#counts = new Uint16Array(counts);
    this.#hash = new SipHash(key);
  }

  add(user: string): void {
    for (const slot of this.#slotsOf(user)) Atomics.add(this.#counts, slot, 1);
  }

  /** @param user one that was added and not removed since */
  remove(user: string): void {
    for (const slot of this.#slotsOf(user)) Atomics.sub(this.#counts, slot, 1);
  }

  /** Whether there is a session with this user; rarely true also if there is none. */
  has(user: string): boolean {
    return this.#slotsOf(user).every((slot) => Atomics.load(this.#counts, slot) > 0);
  }

  #slotsOf(user: string): readonly [number, number] {
    const { written } = this.#encoder.encodeInto(user, this.#bytes);
    const hash = this.#hash.hash(this.#bytes.subarray(0, written));
    const mask = this.#counts.length - 1;
    // The second slot comes from the same hash, mixed once more: good enough here.
    return [hash & mask, Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 7 & mask];
  }
}
