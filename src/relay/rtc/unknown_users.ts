// Unknown users of STUN requests: whether to ask about them, and their requests, which are looked
// at again once they are known. Anybody may send such requests, so their number is bounded, in
// total and for each network that they come from, and so is what is kept.

import { ExpiringMap } from "../../core/expiring_map.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import { isIpv4 } from "../../net/udp/raw_address.ts";
import type { ClientConnection } from "./media_sessions.ts";

/**
 * Strangers that are asked about in a second, in all lanes together; one network gets half of that at
 * most. With many lanes each still asks about some.
 */
const LOOKUPS = 500;
const LEAST_LOOKUPS = 50;
/** Networks that share a bound, by chance and not by choice. */
const NETWORKS = 1024;
/** How many users are remembered, and for how long they are not asked about again, milliseconds. */
const MEMORY = { capacity: 20_000, ttl: 3_000 };
/** A longer request is not kept, bytes: those of browsers have about a hundred. */
const LONGEST = 512;
/** Requests of one user that are kept: a client asks from all its addresses at once. */
const MOST_HELD = 4;

const NOTHING = { isAsked: false, isHeld: false };

/** A user that was asked about. */
interface Asked {
  readonly held: HeldRequest[];
  /** Whether he was one of this process's own then. */
  readonly isKnown: boolean;
  readonly isAnswered: boolean;
}

/** A request that waits for somebody to say who its user is. */
export interface HeldRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sender: Uint8Array<ArrayBuffer>;
  /** Over which it came, unless by the front socket. */
  readonly connection?: ClientConnection | undefined;
}

/** All of them. */
export class UnknownUsers {
  readonly #onForgotten: () => void;
  readonly #lookups: TokenBucket;
  readonly #networks: readonly TokenBucket[];
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  readonly #asked = new ExpiringMap<string, Asked>(MEMORY);

  /**
   * @param onForgotten told of each request that was held for nothing
   * @param lanes how many ask
   */
  constructor(onForgotten: () => void, lanes = 1) {
    this.#onForgotten = onForgotten;
    const rate = Math.max(LOOKUPS / lanes, LEAST_LOOKUPS);
    this.#lookups = new TokenBucket({ rate, burst: rate });
    const part = { rate: rate / 2, burst: rate / 2 };
    this.#networks = Array.from({ length: NETWORKS }, () => new TokenBucket(part));
  }

  /**
   * A request of a user came.
   *
   * @param held copied; `isKnown` when this process has the session, which strangers must not hinder
   * @returns whether somebody has to be asked now, and whether the request is held meanwhile
   */
  ask(
    user: string,
    { isKnown, ...held }: HeldRequest & { readonly isKnown: boolean },
    now: number,
  ): { isAsked: boolean; isHeld: boolean } {
    this.expire(now);
    const asked = this.#asked.get(user, now);
    if (asked?.isAnswered === false) return { isAsked: false, isHeld: hold(asked.held, held) };
    // It may have become known since somebody asked for it too early.
    if (asked !== undefined && (asked.isKnown || !isKnown)) return NOTHING;
    if (!isKnown && !this.#mayAsk(held.sender, now)) return NOTHING;
    const requests: HeldRequest[] = [];
    const isHeld = hold(requests, held);
    this.#keep(user, { held: requests, isKnown, isAnswered: false }, now);
    return { isAsked: true, isHeld };
  }

  /** The user is known now. @returns what he has said meanwhile */
  take(user: string, now: number): readonly HeldRequest[] {
    this.expire(now);
    const { held = [] } = this.#asked.get(user, now) ?? {};
    this.#asked.delete(user, now);
    return held;
  }

  /** Nobody knows the user: he is not asked about for a while. */
  unknown(user: string, now: number): void {
    const isKnown = this.#asked.get(user, now)?.isKnown ?? false;
    this.#forget(this.take(user, now));
    this.#keep(user, { held: [], isKnown, isAnswered: true }, now);
  }

  /** Forgets what is old. */
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

/** @returns whether the request is kept */
function hold(requests: HeldRequest[], { bytes, sender, connection }: HeldRequest): boolean {
  if (bytes.length > LONGEST || requests.length >= MOST_HELD) return false;
  requests.push({ bytes: bytes.slice(), sender: sender.slice(), connection });
  return true;
}
