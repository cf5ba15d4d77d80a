// Which origin a new stream goes to when several proxies must make the same choice without asking
// each other: rendezvous hashing (Thaler and Ravishankar, 1998). Every origin gets a number that
// depends only on it and the stream, and the highest wins; an origin that comes or goes therefore
// changes only its own share.

import type { Origin } from "../core/origin.ts";
import { murmur3 } from "../core/murmur3.ts";
import type { OriginRecord } from "./store.ts";

/** No origin gets more than this many times its fair share of the streams. */
const MOST_LOAD = 1.25;
const TEXT = new TextEncoder();
const ID_BYTES = new WeakMap<Origin, Uint8Array>();

/** The candidate of the highest number: the same on every proxy with the same candidates. */
export function firstByHash(
  stream: string,
  candidates: readonly OriginRecord[],
): OriginRecord | undefined {
  const seed = murmur3(TEXT.encode(stream), 0);
  let best: OriginRecord | undefined;
  let highest = -1;
  for (const candidate of candidates) {
    const number = murmur3(idBytesOf(candidate.origin), seed);
    const wins = number > highest || (number === highest && candidate.origin.id > best!.origin.id);
    if (!wins) continue;
    best = candidate;
    highest = number;
  }
  return best;
}

/**
 * The same, but among the candidates that have room left by their fair share: while all is well
 * every proxy knows every stream, so that they nearly always choose the same and the load is even.
 */
export function firstWithRoomByHash(
  stream: string,
  candidates: readonly OriginRecord[],
): OriginRecord | undefined {
  const all = candidates.reduce((sum, { streams }) => sum + streams, 1);
  const most = Math.ceil(all * MOST_LOAD / candidates.length);
  return firstByHash(stream, candidates.filter(({ streams }) => streams < most));
}

function idBytesOf(origin: Origin): Uint8Array {
  const known = ID_BYTES.get(origin);
  if (known) return known;
  const bytes = TEXT.encode(origin.id);
  ID_BYTES.set(origin, bytes);
  return bytes;
}
