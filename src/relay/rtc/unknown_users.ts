// Unknown users of STUN requests: whether to ask about them, and their requests, which are looked
// at again once they are known. Anybody may send such requests, so their number is bounded, in
// total and for each network that they come from, and so is what is kept.

import { ExpiringMap } from "../../core/expiring_map.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import { isIpv4 } from "../../net/udp/raw_address.ts";

/** Users that are asked about in a second; one network gets half of that at most. */
const LOOKUPS = { rate: 500, burst: 500 };
const LOOKUPS_OF_NETWORK = { rate: 250, burst: 250 };
/** Networks that share a bound, by chance and not by choice. */
const NETWORKS = 1024;
/** How many users are remembered, and for how long they are not asked about again, milliseconds. */
const MEMORY = { capacity: 20_000, ttl: 3_000 };
/** A longer request is not kept, bytes: those of browsers have about a hundred. */
const LONGEST = 512;

const NOTHING = { isAsked: false, isHeld: false };

/** A request that waits for somebody to say who its user is. */
export interface HeldRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sender: Uint8Array<ArrayBuffer>;
}

/** All of them. */
export class UnknownUsers {
  readonly #onForgotten: () => void;
  readonly #lookups = new TokenBucket(LOOKUPS);
  readonly #networks: readonly TokenBucket[];
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  readonly #asked = new ExpiringMap<string, HeldRequest | null>(MEMORY);

  /** @param onForgotten told of each request that was held for nothing */
  constructor(onForgotten: () => void) {
    this.#onForgotten = onForgotten;
    this.#networks = Array.from({ length: NETWORKS }, () => new TokenBucket(LOOKUPS_OF_NETWORK));
  }

  /**
   * A request of a user came.
   *
   * @param held copied
   * @returns whether somebody has to be asked now, and whether the request is held meanwhile
   */
  ask(user: string, held: HeldRequest, now: number): { isAsked: boolean; isHeld: boolean } {
    this.expire(now);
    if (this.#asked.get(user, now) !== undefined) return NOTHING;
    if (!this.#networkOf(held.sender).take(now) || !this.#lookups.take(now)) return NOTHING;
    const isHeld = held.bytes.length <= LONGEST;
    this.#keep(
      user,
      isHeld ? { bytes: held.bytes.slice(), sender: held.sender.slice() } : null,
      now,
    );
    return { isAsked: true, isHeld };
  }

  /** The user is known now. @returns what he has said meanwhile */
  take(user: string, now: number): HeldRequest | undefined {
    this.expire(now);
    const held = this.#asked.get(user, now);
    this.#asked.delete(user, now);
    return held ?? undefined;
  }

  /** Nobody knows the user: he is not asked about for a while. */
  unknown(user: string, now: number): void {
    if (this.take(user, now)) this.#onForgotten();
    this.#keep(user, null, now);
  }

  /** Forgets what is old. */
  expire(now: number): void {
    for (const [, held] of this.#asked.expire(now)) if (held) this.#onForgotten();
  }

  #keep(user: string, held: HeldRequest | null, now: number): void {
    const evicted = this.#asked.set(user, held, now);
    if (evicted?.[1]) this.#onForgotten();
  }

  /** The /24 of an IPv4 address, the /48 of an IPv6 one. */
  #networkOf(sender: Uint8Array): TokenBucket {
    const end = isIpv4(sender) ? 15 : 6;
    let hash = this.#seed;
    for (let at = 0; at < end; at++) {
      hash = Math.imul(hash ^ sender[at]!, 0x01000193);
      hash ^= hash >>> 15;
    }
    return this.#networks[(hash >>> 0) % NETWORKS]!;
  }
}
