// The cookies that SRT listeners give callers (draft-sharabayko-srt-01 section 4.3.1.1): a keyed hash
// of the caller's address and the minute, so that nothing need be remembered of whoever has only
// begun, and nobody gets further from an address that is not his.

/** A keyed hash of 4 bytes at least. */
export type CookieHash = (data: Uint8Array) => Uint8Array;

const MINUTE = 60_000;

/** Makes cookies and knows them again. */
export class Cookies {
  readonly #hash: CookieHash;

  /** @param hash keyed with a secret */
  constructor(hash: CookieHash) {
    this.#hash = hash;
  }

  /** @param sender address in the form of `Datagram.sender` @param time milliseconds of the day's clock */
  bake(sender: Uint8Array, time: number): number {
    const data = new Uint8Array(sender.length + 4);
    data.set(sender);
    new DataView(data.buffer).setUint32(sender.length, Math.floor(time / MINUTE));
    const hash = this.#hash(data);
    return (hash[0]! << 24) | (hash[1]! << 16) | (hash[2]! << 8) | hash[3]!;
  }

  /** Whether this address was given the cookie in this minute or the last. */
  knows(cookie: number, sender: Uint8Array, time: number): boolean {
    return cookie === this.bake(sender, time) || cookie === this.bake(sender, time - MINUTE);
  }
}
