// Which origin a new stream goes to: pure functions of a snapshot. Knows neither store nor clock;
// chance is an argument. "Fewest of two drawn at random" spreads nearly as well as "fewest of all"
// but does not send every proxy to the same origin at once (Mitzenmacher, The Power of Two Choices
// in Randomized Load Balancing, 2001).

import type { Protocol } from "../core/origin.ts";
import type { OriginRecord } from "./store.ts";

/** What is known of all origins at one moment. */
export interface Snapshot {
  readonly origins: readonly OriginRecord[];
  /** Milliseconds for which an origin is still set aside for the protocol, 0 when it is not. */
  readonly setAsideFor: (origin: string) => number;
}

/** What a request needs of an origin. */
export interface Wish {
  readonly protocol: Protocol;
  /** Ids of origins that this request has tried in vain. */
  readonly failed: readonly string[];
}

/**
 * The origins that may take a request: those that offer the protocol, have not failed it and are
 * not set aside. When all are set aside, the one whose time ends first is better than none.
 */
export function candidatesFor(snapshot: Snapshot, wish: Wish): readonly OriginRecord[] {
  const able = snapshot.origins.filter(({ origin }) =>
    origin.endpoints[wish.protocol].length > 0 && !wish.failed.includes(origin.id)
  );
  const free = able.filter(({ origin }) => snapshot.setAsideFor(origin.id) === 0);
  return free.length > 0 ? free : soonestBack(able, snapshot.setAsideFor);
}

/**
 * The one with fewer streams out of two drawn at random; undefined when there are none.
 *
 * @param random gives numbers from 0 up to but not including 1
 */
export function pickFewest(
  candidates: readonly OriginRecord[],
  random: () => number,
): OriginRecord | undefined {
  const first = Math.floor(random() * candidates.length);
  const one = candidates[first];
  if (candidates.length < 2) return one;
  // The second is drawn from the others, so that two are always compared.
  const second = (first + 1 + Math.floor(random() * (candidates.length - 1))) % candidates.length;
  const other = candidates[second];
  return one && other && other.streams < one.streams ? other : one;
}

function soonestBack(
  able: readonly OriginRecord[],
  setAsideFor: (origin: string) => number,
): readonly OriginRecord[] {
  let best: OriginRecord | undefined;
  let shortest = Infinity;
  for (const record of able) {
    const left = setAsideFor(record.origin.id);
    if (left < shortest) {
      best = record;
      shortest = left;
    }
  }
  return best ? [best] : [];
}
