// Picks the origin for a new stream: pure functions of a snapshot. Knows neither store nor clock;
// randomness is an argument. "Fewest of two drawn at random" spreads nearly as well as "fewest of all", but
// does not make every proxy pick the same origin at once (Mitzenmacher, The Power of Two Choices in
// Randomized Load Balancing, 2001).

import { DEFAULT_SETTINGS, labelsOf, type Protocol } from "../core/origin.ts";
import type { OriginRecord } from "./store.ts";

/** What is known about all origins at one moment. */
export interface Snapshot {
  readonly origins: readonly OriginRecord[];
  /** Milliseconds for which an origin is still set aside for the protocol; 0 if it is not. */
  readonly setAsideFor: (origin: string) => number;
}

/** What a request needs of an origin. */
export interface Requirements {
  readonly protocol: Protocol;
  /** Ids of origins that this request has already tried in vain. */
  readonly failed: readonly string[];
  /** Label of the origins to which the stream is pinned; absent if it is not pinned. */
  readonly label?: string | undefined;
}

/** Whether an operator's settings let a new stream go to the origin at all. */
export function isOpenTo(
  { origin, settings = DEFAULT_SETTINGS }: OriginRecord,
  label: string | undefined,
): boolean {
  if (settings.draining) return false;
  return label === undefined || labelsOf(origin, settings).includes(label);
}

/** An origin's share of new streams. */
export function weightOf({ settings = DEFAULT_SETTINGS }: OriginRecord): number {
  return settings.weight;
}

/**
 * The origins that may take a request: those that offer the protocol, have not failed it, are not
 * draining, have the label and are not set aside. Those of weight 0 come after all others. If all are
 * set aside, the one whose time ends first is better than none.
 */
export function candidatesFor(snapshot: Snapshot, required: Requirements): readonly OriginRecord[] {
  const able = snapshot.origins.filter((record) => {
    const { origin } = record;
    return origin.endpoints[required.protocol].length > 0 && !required.failed.includes(origin.id) &&
      isOpenTo(record, required.label);
  });
  const free = able.filter(({ origin }) => snapshot.setAsideFor(origin.id) === 0);
  const weighty = free.filter((record) => weightOf(record) > 0);
  if (weighty.length > 0) return weighty;
  return free.length > 0 ? free : soonestBack(able, snapshot.setAsideFor);
}

/**
 * Of two origins drawn at random by weight, the one with fewer streams for its weight; undefined when
 * there are none.
 *
 * @param random returns numbers from 0 up to but not including 1
 */
export function pickFewest(
  candidates: readonly OriginRecord[],
  random: () => number,
): OriginRecord | undefined {
  const one = draw(candidates, random);
  if (candidates.length < 2) return one;
  // The second is drawn from the others, so that two are always compared.
  const other = draw(candidates.filter((candidate) => candidate !== one), random);
  return one && other && loadWith(other) < loadWith(one) ? other : one;
}

function draw(
  candidates: readonly OriginRecord[],
  random: () => number,
): OriginRecord | undefined {
  const sum = candidates.reduce((all, record) => all + weightOf(record), 0);
  if (sum === 0) return candidates[Math.floor(random() * candidates.length)];
  let left = random() * sum;
  for (const candidate of candidates) {
    left -= weightOf(candidate);
    if (left < 0) return candidate;
  }
  return candidates.at(-1);
}

/** The load that an origin would have with one more stream, relative to its weight. */
function loadWith(record: OriginRecord): number {
  return (record.streams + 1) / Math.max(1, weightOf(record));
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
