// Who may map a stream to an origin: what each wish makes of the mapping that is there. Pure
// functions of plain records; the scripts of the Redis store say the same in Lua. A result that is
// the very record that was found means that nothing is to be written.

import type {
  ForgottenStream,
  StreamClaim,
  StreamLease,
  StreamMove,
  StreamRecord,
} from "./store.ts";

/** The first claim wins; an unconfirmed mapping on which two claimants rely belongs to neither. */
export function claimed(found: StreamRecord | undefined, claim: StreamClaim): StreamRecord {
  if (!found) return newMapping(claim);
  const isShared = !found.confirmed && found.claimant !== "" && found.claimant !== claim.claimant;
  return isShared ? { ...found, claimant: "" } : found;
}

/** A stream moves only from where its mover believes it to be. */
export function moved(found: StreamRecord | undefined, move: StreamMove): StreamRecord {
  return found && found.origin !== move.from ? found : newMapping(move);
}

/** A lease confirms a mapping and writes a lost one; one that has moved is left alone: undefined. */
export function renewed(
  found: StreamRecord | undefined,
  { stream, origin, claimant, confirmed }: StreamLease,
): StreamRecord | undefined {
  if (!found) return { stream, origin, claimant, confirmed };
  if (found.origin !== origin) return undefined;
  return confirmed && !found.confirmed ? { ...found, confirmed } : found;
}

/** Nobody forgets what another has claimed, what is elsewhere now or what has been confirmed. */
export function isForgotten(found: StreamRecord, { origin, claimant }: ForgottenStream): boolean {
  return found.origin === origin && found.claimant === claimant && !found.confirmed;
}

function newMapping({ stream, origin, claimant }: StreamClaim): StreamRecord {
  return { stream, origin, claimant, confirmed: false };
}
