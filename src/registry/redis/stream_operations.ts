// The operations on a stream's mapping that Redis can be asked for, and how requests to the store become
// such operations. Pure functions; stream_script.ts carries them out.

import { isLive } from "../mapping_rules.ts";
import type { Untold } from "./unwritten.ts";
import type { ForgottenStream, FoundStream, StreamClaim, StreamLease } from "../store.ts";

/** An operation on the mapping of a stream; the script says what each kind does. */
export interface StreamOperation {
  readonly kind: "claim" | "move" | "publish" | "renew" | "forget" | "settle";
  readonly stream: string;
  readonly origin: string;
  readonly claimant: string;
  readonly confirmed: boolean;
  /** Milliseconds. */
  readonly ttl: number;
  /** Origins from which the stream may be taken away. */
  readonly from: readonly string[];
  /** Whether a claim is a publisher's. */
  readonly publishes: boolean;
  /** What is said about a publisher there, whose it is, and for how many milliseconds. */
  readonly live: StreamLease["live"];
  readonly publisher: string;
  readonly liveTtl: number;
  readonly epoch: number;
  /** Not to be carried out after this time of Redis's clock, in milliseconds. */
  readonly before?: number;
}

const NOTHING_SAID: Omit<StreamOperation, "kind" | "stream" | "origin" | "claimant" | "ttl"> = {
  ...{ publisher: "", liveTtl: 0, epoch: 0, confirmed: false, publishes: false },
  live: "none",
  from: [],
};

/** @param from origins from which the stream may be taken away */
export function toClaim(
  kind: "claim" | "move",
  { stream, origin, claimant, publishes, ttl }: StreamClaim,
  from: readonly string[],
): StreamOperation {
  return { ...NOTHING_SAID, kind, stream, origin, claimant, publishes, ttl, from };
}

export function toLease(kind: "publish" | "renew", lease: StreamLease): StreamOperation {
  return { ...NOTHING_SAID, ...lease, kind, publisher: lease.claimant };
}

export function toForget({ stream, origin, claimant }: ForgottenStream): StreamOperation {
  return { ...NOTHING_SAID, kind: "forget", stream, origin, claimant, ttl: 1 };
}

/**
 * Makes Redis take over what was decided without it.
 *
 * @param liveTtl milliseconds for which the mapping is live; 0 or less if it is live only because nobody
 * could be asked, so that its publisher's proxy must say so again
 */
export function toSettle(
  { record, left: ttl }: FoundStream,
  liveTtl: number,
  { sources, ended }: Untold,
): StreamOperation {
  const common = { ...NOTHING_SAID, ...record, kind: "settle", ttl, from: [...sources] } as const;
  if (isLive(record)) return { ...common, live: liveTtl > 0 ? "runs" : "none", liveTtl };
  return ended === undefined ? common : { ...common, live: "ended", publisher: ended };
}
