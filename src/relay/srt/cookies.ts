// The cookies that SRT listeners give callers (draft-sharabayko-srt-01 section 4.3.1.1): a keyed
// hash of the caller's address and the minute, so that nothing has to be remembered after an
// induction, and a forged address gets no further. Each induction of a flood costs one hash, which
// must be cheaper than receiving it.

import { sha256 } from "../../core/hashes.ts";
import { SipHash } from "../../core/sip_hash.ts";
import { RAW_ADDRESS } from "../../net/udp/port.ts";

const MINUTE = 60_000;

/** Derives a 16-byte key from a secret. */
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

  /** @param sender address in the form of `Datagram.sender` @param time wall time, milliseconds */
  bake(sender: Uint8Array, time: number): number {
    this.#data.set(sender);
    this.#view.setUint32(RAW_ADDRESS, Math.floor(time / MINUTE));
    return this.#hash.hash(this.#data);
  }

  /** Whether this address was given the cookie in this minute or the previous one. */
  knows(cookie: number, sender: Uint8Array, time: number): boolean {
    return cookie === this.bake(sender, time) || cookie === this.bake(sender, time - MINUTE);
  }
}
