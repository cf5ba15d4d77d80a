// Claims and leases for tests of stores.

import { firstByHash } from "../../src/registry/rendezvous.ts";
import type { RedisStore } from "../../src/registry/redis/store.ts";
import type { StreamClaim, StreamLease } from "../../src/registry/store.ts";

const LONG = 60_000;

/** A viewer's claim, for the origin on which proxies agree without communicating. */
export function claimOf(
  store: RedisStore,
  stream: string,
  more: Partial<StreamClaim> = {},
): StreamClaim {
  const candidates = store.origins();
  const origin = firstByHash(stream, candidates)!.origin.id;
  const rest = { claimant: "me", publishes: false, ttl: LONG, wait: 1_000 };
  return { stream, origin, candidates, ...rest, ...more };
}

/** A lease of viewers being served. */
export function leaseOf(
  stream: string,
  origin: string,
  more: Partial<StreamLease> = {},
): StreamLease {
  const said = { confirmed: true, epoch: 0, live: "none", liveTtl: LONG } as const;
  return { stream, origin, claimant: "me", ttl: LONG, ...said, ...more };
}
