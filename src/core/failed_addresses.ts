// Remembers addresses that have failed recently: if an origin has several, the others are tried before them, so
// that a dead one delays a request now and then rather than every request.

import type { Address } from "./address.ts";
import { formatAddress } from "./endpoint.ts";
import { ExpiringMap } from "./expiring_map.ts";

/** Milliseconds for which an address is remembered, and how many are. */
const REMEMBERED = 30_000;
const CAPACITY = 4_096;

/** The failed addresses of one thread; times in milliseconds. */
export class FailedAddresses {
  readonly #failed = new ExpiringMap<string, number>({ capacity: CAPACITY, ttl: REMEMBERED });

  /** The addresses of an origin in the order in which to try them: the one that failed last comes last. */
  ordered(addresses: readonly Address[], now: number): readonly Address[] {
    this.#failed.expire(now);
    if (this.#failed.size === 0 || addresses.length < 2) return addresses;
    return addresses
      .map((address) => ({ address, at: this.#failed.get(formatAddress(address), now) ?? 0 }))
      .sort((one, other) => one.at - other.at)
      .map(({ address }) => address);
  }

  failed(address: Address, now: number): void {
    this.#failed.set(formatAddress(address), now, now);
  }

  answered(address: Address, now: number): void {
    if (this.#failed.size > 0) this.#failed.delete(formatAddress(address), now);
  }
}
