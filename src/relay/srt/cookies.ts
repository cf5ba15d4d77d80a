// The cookies that SRT listeners give callers (draft-sharabayko-srt-01 section 4.3.1.1): a keyed
// hash of the caller's address and the minute, so that nothing has to be remembered about a caller
// that has only begun, and nobody gets further with a forged address. A flood of inductions costs
// one hash each, which must be cheaper than receiving them.

import { sha256 } from "../../core/hashes.ts";
import { SipHash } from "../../core/sip_hash.ts";
import { RAW_ADDRESS } from "../../net/udp/port.ts";

const MINUTE = 60_000;

/** The key of a secret, 16 bytes. */
export function keyOfCookies(secret: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(secret).subarray(0, 16));
}

export class Cookies {
  readonly #hash: SipHash;
  readonly #data = new Uint8Array(RAW_ADDRESS + 4);
  readonly #view = new DataView(this.#data.buffer);

  /** @param key 16 secret bytes */
  constructor(key: Uint8Array) {
    this.#hash = new SipHash(key);
  }

  /**
   * @param sender address in the form of `Datagram.sender` @param time milliseconds of the day's
   * clock
   */
  bake(sender: Uint8Array, time: number): number {
    this.#data.set(sender);
    this.#view.setUint32(RAW_ADDRESS, Math.floor(time / MINUTE));
    return this.#hash.hash(this.#data);
  }

  /** Whether this address was given the cookie in this minute or the last. */
  knows(cookie: number, sender: Uint8Array, time: number): boolean {
    return cookie === this.bake(sender, time) || cookie === this.bake(sender, time - MINUTE);
  }
}
