// Finds origins that announce the same address: one of them will get what is meant for the other.

import { formatAddress } from "./endpoint.ts";
import { TRANSPORTS } from "./fleet.ts";
import type { Origin, Protocol } from "./origin.ts";

export interface SharedAddress {
  /** Such as `udp 10.0.0.1:8000`. */
  readonly address: string;
  /** Their ids, sorted. */
  readonly origins: readonly string[];
}

/** Every address that more than one of these origins announces for the same transport. */
export function sharedAddresses(origins: Iterable<Origin>): SharedAddress[] {
  const announced = new Map<string, string | Set<string>>();
  for (const { id, endpoints } of origins) {
    for (const [protocol, addresses] of Object.entries(endpoints)) {
      for (const address of addresses) {
        const key = `${TRANSPORTS[protocol as Protocol]} ${formatAddress(address)}`;
        const before = announced.get(key);
        if (before === undefined) announced.set(key, id);
        else if (typeof before !== "string") before.add(id);
        else if (before !== id) announced.set(key, new Set([before, id]));
      }
    }
  }
  return [...announced].flatMap(([address, ids]) => {
    return typeof ids === "string" ? [] : [{ address, origins: [...ids].sort() }];
  });
}
