// Which origin a new stream goes to when several proxies must make the same choice without asking each
// other: rendezvous hashing (Thaler and Ravishankar, 1998). Every origin gets a number that depends only on
// it and the stream, and the highest wins; so an origin that joins or leaves changes only its own share.
// Weights change the numbers as in Schindelhauer and Schomaker, Weighted Distributed Hash Tables, 2005.

import type { Origin } from "../core/origin.ts";
import { murmur3 } from "../core/murmur3.ts";
import { weightOf } from "./picker.ts";
import type { OriginRecord, StreamClaim } from "./store.ts";

/** No origin gets more than this many times its fair share of the streams. */
const MOST_LOAD = 1.25;
/** The same if weights differ: then an operator has asked for precise shares. */
const MOST_WEIGHTED_LOAD = 1.03;
const TEXT = new TextEncoder();
const ID_BYTES = new WeakMap<Origin, Uint8Array>();

/** The candidate with the highest number: the same on every proxy with the same candidates. */
export function firstByHash(
  stream: string,
  candidates: readonly OriginRecord[],
): OriginRecord | undefined {
  const seed = murmur3(TEXT.encode(stream), 0);
  let best: OriginRecord | undefined;
  let highest = -Infinity;
  for (const candidate of candidates) {
    const number = bent(murmur3(idBytesOf(candidate.origin), seed), weightOf(candidate));
    const wins = number > highest || (number === highest && candidate.origin.id > best!.origin.id);
    if (!wins) continue;
    best = candidate;
    highest = number;
  }
  return best;
}

/**
 * The same, but only among candidates with room left in their fair share. Normally every proxy knows every
 * stream, so that they nearly always choose the same origin and the load is even.
 */
export function firstWithRoomByHash(
  stream: string,
  candidates: readonly OriginRecord[],
): OriginRecord | undefined {
  const all = candidates.reduce((sum, { streams }) => sum + streams, 1);
  const weight = candidates.reduce((sum, candidate) => sum + shareOf(candidate), 0);
  const isEven = candidates.every((each) => shareOf(each) === shareOf(candidates[0]!));
  const most = isEven ? MOST_LOAD : MOST_WEIGHTED_LOAD;
  const hasRoom = (candidate: OriginRecord) => {
    return candidate.streams < Math.ceil(all * most * shareOf(candidate) / weight);
  };
  return firstByHash(stream, candidates.filter(hasRoom));
}

/**
 * The claim, with the origin that a proxy chooses if it cannot ask the others: the proxies must agree, so
 * origins that have appeared since are left out, which the others do not know.
 */
export function chosenAlone(
  claim: StreamClaim,
  isKnownToAll: (origin: string) => boolean,
): StreamClaim {
  const known = claim.candidates.filter(({ origin }) => isKnownToAll(origin.id));
  const chosen = firstByHash(claim.stream, known.length > 0 ? known : claim.candidates);
  return { ...claim, origin: chosen?.origin.id ?? claim.origin };
}

/** Origins of weight 0 have equal shares among themselves. */
function shareOf(candidate: OriginRecord): number {
  return Math.max(weightOf(candidate), 0.01);
}

/** With equal weights, the order of the numbers is kept. */
function bent(number: number, weight: number): number {
  return -Math.max(weight, 0.01) / Math.log((number + 0.5) / 2 ** 32);
}

function idBytesOf(origin: Origin): Uint8Array {
  const known = ID_BYTES.get(origin);
  if (known) return known;
  const bytes = TEXT.encode(origin.id);
  ID_BYTES.set(origin, bytes);
  return bytes;
}
