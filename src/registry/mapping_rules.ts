// Who may map a stream to an origin: the effect of each operation on the existing mapping. Pure functions
// of plain records; the script of the Redis store implements the same rules in Lua. If the result is the
// very record that was found, there is nothing to write.

import type {
  ForgottenStream,
  StreamClaim,
  StreamLease,
  StreamMove,
  StreamRecord,
} from "./store.ts";

/** The first claim wins; an unconfirmed mapping that two claimants rely on belongs to neither. */
export function claimed(
  found: StreamRecord | undefined,
  claim: StreamClaim,
  time: number,
): StreamRecord {
  if (!found) return newMapping(claim, laterThan(found, time));
  const isShared = !found.confirmed && found.claimant !== "" && found.claimant !== claim.claimant;
  return isShared ? { ...found, claimant: "" } : found;
}

/** A stream moves only from the origin where the mover believes it to be, and never while it is live. */
export function moved(
  found: StreamRecord | undefined,
  move: StreamMove,
  time: number,
): StreamRecord {
  if (found && (found.origin !== move.from || isLive(found))) return found;
  return newMapping(move, laterThan(found, time));
}

/** A publisher takes the stream to its origin, unless another one runs elsewhere. */
export function published(found: StreamRecord | undefined, lease: StreamLease): StreamRecord {
  if (!found) return mappingOf(lease);
  if (found.origin !== lease.origin) return isLive(found) ? found : overruled(found, lease);
  // Of two publishers at one origin the newest is the one whose leases count from now on.
  return together({ ...found, publisher: lease.claimant }, lease);
}

/** The mapping after a lease; undefined if the lease has no effect. */
export function renewed(
  found: StreamRecord | undefined,
  lease: StreamLease,
): StreamRecord | undefined {
  if (!found) return mappingOf(lease);
  if (found.origin === lease.origin) return together(found, lease);
  return overrules(mappingOf(lease), found) ? overruled(found, lease) : undefined;
}

/**
 * Whether a mapping that sessions rely on beats another one: a live one beats one that is not; otherwise
 * the later one wins.
 */
function overrules(relied: StreamRecord, found: StreamRecord): boolean {
  if (isLive(relied) !== isLive(found)) return isLive(relied);
  return relied.epoch > found.epoch;
}

/**
 * The same for mappings made by proxies that could not see each other: one that has served a session
 * beats one that has not, and a later one wins only over the same registry's.
 */
export function prevails(ours: StreamRecord, theirs: StreamRecord): boolean {
  if (isLive(ours) || isLive(theirs)) return overrules(ours, theirs);
  if (ours.confirmed !== theirs.confirmed) return ours.confirmed;
  return ours.claimant === theirs.claimant && ours.epoch > theirs.epoch;
}

/** Nothing is forgotten that another has claimed, that has moved, or that has been confirmed. */
export function isForgotten(found: StreamRecord, { origin, claimant }: ForgottenStream): boolean {
  const isSame = found.origin === origin && found.claimant === claimant;
  return isSame && !found.confirmed && !isLive(found);
}

/** Whether a publisher of any proxy runs there. */
export function isLive({ publisher }: StreamRecord): boolean {
  return publisher !== "";
}

/** The epoch of a mapping that replaces another one. */
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

/** A lease's mapping, replacing one at another origin. */
function overruled(found: StreamRecord, lease: StreamLease): StreamRecord {
  return { ...mappingOf(lease), epoch: Math.max(found.epoch, lease.epoch) };
}

/** Combines a mapping and a lease at the same origin. */
function together(found: StreamRecord, lease: StreamLease): StreamRecord {
  const confirmed = found.confirmed || lease.confirmed;
  const publisher = publisherAfter(found, lease);
  const epoch = Math.max(found.epoch, lease.epoch);
  const isSame = confirmed === found.confirmed && publisher === found.publisher &&
    epoch === found.epoch;
  return isSame ? found : { ...found, confirmed, publisher, epoch };
}

/** A registry's word about its own publisher changes nothing about another registry's. */
function publisherAfter({ publisher }: StreamRecord, { live, claimant }: StreamLease): string {
  if (publisher !== "" && publisher !== claimant) return publisher;
  if (live === "none") return publisher;
  return live === "runs" ? claimant : "";
}
