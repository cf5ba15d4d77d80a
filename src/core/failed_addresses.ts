// Which addresses have failed lately: where an origin has several, the others are tried before them, so
// that a dead one costs a request its time now and then, and not each of them.

import type { Address } from "./address.ts";
import { formatAddress } from "./endpoint.ts";
import { ExpiringMap } from "./expiring_map.ts";

/** For how long, milliseconds, and how many. */
const REMEMBERED = 30_000;
const CAPACITY = 4_096;

/** Remembers them for one thread; times in milliseconds. */
export class FailedAddresses {
  readonly #failed = new ExpiringMap<string, number>({ capacity: CAPACITY, ttl: REMEMBERED });

  /** The addresses of an origin in the order in which to try them: who has failed last comes last. */
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
