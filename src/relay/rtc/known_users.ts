// The users of all sessions of this process, in memory that every lane sees: whoever is here is asked
// about at once, however many strangers ask for the lanes' attention. Written before a client is told how
// to prove itself, and read whenever one does. Keeps counts by a keyed hash: it never forgets a user, and
// takes about one stranger in a thousand for one.

import { SipHash } from "../../core/sip_hash.ts";

/** Counters for each session; with two of them for each, one stranger in 1,024 hits two. */
const SLOTS_PER_SESSION = 64;
const KEY = 16;
const LONGEST_USER = 1_024;

/** What threads share. */
export interface KnownUsersMemory {
  readonly counts: SharedArrayBuffer;
  readonly key: Uint8Array<ArrayBuffer>;
}

/** Memory for so many sessions. */
export function knownUsersMemory(maxSessions: number): KnownUsersMemory {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(maxSessions, 16) * SLOTS_PER_SESSION));
  return {
    counts: new SharedArrayBuffer(slots * 2),
    key: crypto.getRandomValues(new Uint8Array(KEY)),
  };
}

/** One thread's view; one thread alone adds and removes. */
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

  /** @param user one that was added, and not removed since */
  remove(user: string): void {
    for (const slot of this.#slotsOf(user)) Atomics.sub(this.#counts, slot, 1);
  }

  /** Whether there is such a session; seldom also when there is none. */
  has(user: string): boolean {
    return this.#slotsOf(user).every((slot) => Atomics.load(this.#counts, slot) > 0);
  }

  #slotsOf(user: string): readonly [number, number] {
    const { written } = this.#encoder.encodeInto(user, this.#bytes);
    const hash = this.#hash.hash(this.#bytes.subarray(0, written));
    const mask = this.#counts.length - 1;
    // Two halves of one hash, the second mixed once more, are as good as two hashes here.
    return [hash & mask, Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 7 & mask];
  }
}
