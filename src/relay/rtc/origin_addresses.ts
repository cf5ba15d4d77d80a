// Chooses where a lane sends a session's media: the origin's addresses are tried in turn until the
// origin answers at one of them, which is kept. No sockets; time is an argument, in milliseconds.

import type { Address } from "../../core/address.ts";

/**
 * How long an address may leave the client's requests unanswered. Doubled with every round through
 * all addresses, so that a distant origin gets the time it needs.
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

  /** The address to use now. */
  get current(): Address {
    return this.#all[this.#at]!;
  }

  /** Whether it is still unknown at which address the origin answers. */
  get isOpen(): boolean {
    return !this.#isHeard && this.count > 1;
  }

  /** Records that the origin has answered at an address. */
  heard(address: Address): void {
    this.#isHeard = true;
    this.#at = Math.max(0, this.#all.indexOf(address));
  }

  /**
   * Switches to the next address if the current one has left requests unanswered for too long.
   *
   * @param since when it was first asked
   */
  giveUpSilent(since: number, now: number): void {
    const rounds = Math.min(Math.floor(this.#givenUp / this.count), MAX_DOUBLINGS);
    if (now - since < PATIENCE * 2 ** rounds) return;
    this.#givenUp++;
    this.move();
  }

  /** Switches to the next address. */
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
