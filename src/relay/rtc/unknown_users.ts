// Unknown users in STUN requests: decides whether to ask about them, and holds their requests until
// they are known. Anybody can send such requests, so the number of lookups is bounded, in total and
// per network, and so is what is held.

import { ExpiringMap } from "../../core/expiring_map.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import { isIpv4 } from "../../net/udp/raw_address.ts";
import type { ClientConnection } from "./media_path.ts";

/**
 * Lookups per second in all lanes together; one network gets at most half of them. With many lanes
 * each still gets some.
 */
const LOOKUPS = 500;
const LEAST_LOOKUPS = 50;
/** Number of buckets to which networks are assigned by a seeded hash. */
const NETWORKS = 1024;
/** How many users are remembered, and how long until they are asked about again, milliseconds. */
const MEMORY = { capacity: 20_000, ttl: 3_000 };
/** Longest request that is held, bytes; those of browsers have about a hundred. */
const LONGEST = 512;
/** Most requests held for one user: a client sends them from all its addresses at once. */
const MOST_HELD = 4;

const NOTHING = { isAsked: false, isHeld: false };

interface Asked {
  readonly held: HeldRequest[];
  /** Whether the user was one of this process's own at the time. */
  readonly isKnown: boolean;
  readonly isAnswered: boolean;
}

/** A request held until its user is known. */
export interface HeldRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sender: Uint8Array<ArrayBuffer>;
  /** The TCP connection over which it came; undefined for UDP. */
  readonly connection?: ClientConnection | undefined;
}

export class UnknownUsers {
  readonly #onForgotten: () => void;
  readonly #lookups: TokenBucket;
  readonly #networks: readonly TokenBucket[];
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  readonly #asked = new ExpiringMap<string, Asked>(MEMORY);

  /**
   * @param onForgotten called for each request that was held in vain
   * @param lanes how many lanes share the limit
   */
  constructor(onForgotten: () => void, lanes = 1) {
    this.#onForgotten = onForgotten;
    const rate = Math.max(LOOKUPS / lanes, LEAST_LOOKUPS);
    this.#lookups = new TokenBucket({ rate, burst: rate });
    const part = { rate: rate / 2, burst: rate / 2 };
    this.#networks = Array.from({ length: NETWORKS }, () => new TokenBucket(part));
  }

  /**
   * Handles a request of an unknown user.
   *
   * @param held copied if held; `isKnown` when this process has the session, which strangers must
   * not delay
   * @returns whether to ask about the user now, and whether the request is held meanwhile
   */
  ask(
    user: string,
    { isKnown, ...held }: HeldRequest & { readonly isKnown: boolean },
    now: number,
  ): { isAsked: boolean; isHeld: boolean } {
    this.expire(now);
    const asked = this.#asked.get(user, now);
    if (asked?.isAnswered === false) return { isAsked: false, isHeld: hold(asked.held, held) };
    // The session may have been opened since it was asked about too early.
    if (asked !== undefined && (asked.isKnown || !isKnown)) return NOTHING;
    if (!isKnown && !this.#mayAsk(held.sender, now)) return NOTHING;
    const requests: HeldRequest[] = [];
    const isHeld = hold(requests, held);
    this.#keep(user, { held: requests, isKnown, isAnswered: false }, now);
    return { isAsked: true, isHeld };
  }

  /** The user is now known. @returns the requests held meanwhile */
  take(user: string, now: number): readonly HeldRequest[] {
    this.expire(now);
    const { held = [] } = this.#asked.get(user, now) ?? {};
    this.#asked.delete(user, now);
    return held;
  }

  /** The user does not exist: do not ask again for a while. */
  unknown(user: string, now: number): void {
    const isKnown = this.#asked.get(user, now)?.isKnown ?? false;
    this.#forget(this.take(user, now));
    this.#keep(user, { held: [], isKnown, isAnswered: true }, now);
  }

  /** Forgets old entries. */
  expire(now: number): void {
    for (const [, { held }] of this.#asked.expire(now)) this.#forget(held);
  }

  #forget(held: readonly HeldRequest[]): void {
    for (const _ of held) this.#onForgotten();
  }

  #mayAsk(sender: Uint8Array, now: number): boolean {
    return this.#networkOf(sender).take(now) && this.#lookups.take(now);
  }

  #keep(user: string, asked: Asked, now: number): void {
    const evicted = this.#asked.set(user, asked, now);
    if (evicted) this.#forget(evicted[1].held);
  }

  /** The bucket of an IPv4 address's /24 or an IPv6 address's /48. */
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

/** @returns whether the request is kept */
function hold(requests: HeldRequest[], { bytes, sender, connection }: HeldRequest): boolean {
  if (bytes.length > LONGEST || requests.length >= MOST_HELD) return false;
  requests.push({ bytes: bytes.slice(), sender: sender.slice(), connection });
  return true;
}
