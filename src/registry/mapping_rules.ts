// Who may map a stream to an origin: the effect of each operation on the existing mapping. Pure functions
// of plain records. If the result is the very record that was found, there is nothing to write. Room and
// lifetimes are the stores' business.
//
// The same rules stand in Lua in redis/stream_script.ts, under the same numbers.
// tests/contract/mapping_rules_test.ts gives the same cases to both.

import type {
  ForgottenStream,
  StreamClaim,
  StreamLease,
  StreamMove,
  StreamRecord,
} from "./store.ts";

/** Rule 1. The first claim wins; an unconfirmed mapping that two claimants rely on belongs to neither. */
export function claimed(
  found: StreamRecord | undefined,
  claim: StreamClaim,
  time: number,
): StreamRecord {
  if (!found) return newMapping(claim, laterThan(found, time));
  const isShared = !found.confirmed && found.claimant !== "" && found.claimant !== claim.claimant;
  return isShared ? { ...found, claimant: "" } : found;
}

/** Rule 2. A stream moves only from the origin where the mover believes it to be, and never while it is live. */
export function moved(
  found: StreamRecord | undefined,
  move: StreamMove,
  time: number,
): StreamRecord {
  if (found && (found.origin !== move.from || isLive(found))) return found;
  return newMapping(move, laterThan(found, time));
}

/** Rule 3. A publisher takes the stream to its origin, unless another one runs elsewhere. */
export function published(found: StreamRecord | undefined, lease: StreamLease): StreamRecord {
  if (!found) return mappingOf(lease);
  if (found.origin !== lease.origin) return isLive(found) ? found : overruled(found, lease);
  // Of two publishers at one origin the newest is the one whose leases count from now on.
  return together({ ...found, publisher: lease.claimant }, lease);
}

/**
 * Rule 4. A lease prolongs a mapping at its origin, and replaces another one that it beats.
 *
 * @returns undefined if the lease has no effect
 */
export function renewed(
  found: StreamRecord | undefined,
  lease: StreamLease,
): StreamRecord | undefined {
  if (!found) return mappingOf(lease);
  if (found.origin === lease.origin) return together(found, lease);
  return overrules(mappingOf(lease), found) ? overruled(found, lease) : undefined;
}

/** Rule 5. Nothing is forgotten that another has claimed, that has moved, or that has been confirmed. */
export function isForgotten(found: StreamRecord, { origin, claimant }: ForgottenStream): boolean {
  const isSame = found.origin === origin && found.claimant === claimant;
  return isSame && !found.confirmed && !isLive(found);
}

/**
 * Rule 6. Whether a mapping that sessions rely on beats another one: a live one beats one that is not;
 * otherwise the later one wins.
 */
function overrules(relied: StreamRecord, found: StreamRecord): boolean {
  if (isLive(relied) !== isLive(found)) return isLive(relied);
  return relied.epoch > found.epoch;
}

/**
 * Rule 7. The same for mappings made by proxies that could not see each other: one that has served a
 * session beats one that has not, and a later one wins only over the same registry's.
 */
export function prevails(ours: StreamRecord, theirs: StreamRecord): boolean {
  if (isLive(ours) || isLive(theirs)) return overrules(ours, theirs);
  if (ours.confirmed !== theirs.confirmed) return ours.confirmed;
  return ours.claimant === theirs.claimant && ours.epoch > theirs.epoch;
}

/** Whether a publisher of any proxy runs there. */
export function isLive({ publisher }: StreamRecord): boolean {
  return publisher !== "";
}

/** Rule 8. The epoch of a mapping that replaces another one. */
function laterThan(found: StreamRecord | undefined, time: number): number {
  return Math.max(time, (found?.epoch ?? 0) + 1);
}

function newMapping({ stream, origin, claimant }: StreamClaim, epoch: number): StreamRecord {
  return { stream, origin, claimant, confirmed: false, publisher: "", epoch };
}

function mappingOf(
  { stream, origin, claimant, confirmed, live, epoch }: StreamLease,
): StreamRecord {
  const publisher = live === "runs" ? claimant : "";
  return { stream, origin, claimant, confirmed, publisher, epoch };
}

/** Rule 9. A lease's mapping, replacing one at another origin, is no earlier than that one. */
function overruled(found: StreamRecord, lease: StreamLease): StreamRecord {
  return { ...mappingOf(lease), epoch: Math.max(found.epoch, lease.epoch) };
}

/** Rule 10. A mapping and a lease at the same origin are combined. */
function together(found: StreamRecord, lease: StreamLease): StreamRecord {
  const confirmed = found.confirmed || lease.confirmed;
  const publisher = publisherAfter(found, lease);
  const epoch = Math.max(found.epoch, lease.epoch);
  const isSame = confirmed === found.confirmed && publisher === found.publisher &&
    epoch === found.epoch;
  return isSame ? found : { ...found, confirmed, publisher, epoch };
}

/** Rule 11. A registry's word about its own publisher changes nothing about another registry's. */
function publisherAfter({ publisher }: StreamRecord, { live, claimant }: StreamLease): string {
  if (publisher !== "" && publisher !== claimant) return publisher;
  if (live === "none") return publisher;
  return live === "runs" ? claimant : "";
}
