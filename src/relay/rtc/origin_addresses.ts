// Where a lane sends the media of a session: to one address of the origin after the other, until the
// origin has been heard at one of them, which is kept. No sockets; time is an argument, in milliseconds.

import type { Address } from "../../core/address.ts";

/**
 * How long an address may leave its client's requests unanswered, doubled with every round through all of
 * them: an origin that is far away gets the time that it needs.
 */
const PATIENCE = 400;
const MAX_DOUBLINGS = 5;

/** The addresses of one session's origin. */
export class OriginAddresses {
  readonly #all: readonly [Address, ...Address[]];
  #at = 0;
  #givenUp = 0;
  #isHeard = false;

  /** @param others in the order in which they are tried after the first one */
  constructor(first: Address, others: readonly Address[] = []) {
    this.#all = [first, ...others];
  }

  get count(): number {
    return this.#all.length;
  }

  /** The one to use now. */
  get current(): Address {
    return this.#all[this.#at]!;
  }

  /** Whether it is still open which one the origin answers at. */
  get isOpen(): boolean {
    return !this.#isHeard && this.count > 1;
  }

  /** The origin has answered at one of them. */
  heard(address: Address): void {
    this.#isHeard = true;
    this.#at = Math.max(0, this.#all.indexOf(address));
  }

  /**
   * Goes on to the next one if the one of now has left requests unanswered for too long.
   *
   * @param since when it was asked first
   */
  giveUpSilent(since: number, now: number): void {
    const rounds = Math.min(Math.floor(this.#givenUp / this.count), MAX_DOUBLINGS);
    if (now - since < PATIENCE * 2 ** rounds) return;
    this.#givenUp++;
    this.move();
  }

  /** Goes on to the next one. */
  move(): void {
    this.#at = (this.#at + 1) % this.count;
  }

  /** Whether these are the same addresses in the same order. */
  equals(others: OriginAddresses): boolean {
    return this.count === others.count && this.#all.every(({ host, port }, index) => {
      const other = others.#all[index]!;
      return host === other.host && port === other.port;
    });
  }
}
