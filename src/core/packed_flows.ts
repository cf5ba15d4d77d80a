// Figures of many sessions, packed for a message between threads: copying two arrays costs a small part of
// copying as many objects.

import type { Flowed } from "./flow_meter.ts";

/** Keys of sessions, and four numbers for each of them. */
export interface PackedFlows<Key> {
  readonly keys: readonly Key[];
  readonly figures: Float64Array<ArrayBuffer>;
}

const FIGURES = 4;

/** @param flows as many as there are keys */
export function packFlows<Key>(
  keys: readonly Key[],
  flows: readonly Flowed[],
): PackedFlows<Key> {
  const figures = new Float64Array(flows.length * FIGURES);
  flows.forEach(({ bytesIn, bytesOut, bitsIn, bitsOut }, index) => {
    const at = index * FIGURES;
    figures[at] = bytesIn;
    figures[at + 1] = bytesOut;
    figures[at + 2] = bitsIn;
    figures[at + 3] = bitsOut;
  });
  return { keys, figures };
}

/** Calls `take` for each session. */
export function unpackFlows<Key>(
  { keys, figures }: PackedFlows<Key>,
  take: (key: Key, flowed: Flowed) => void,
): void {
  keys.forEach((key, index) => {
    const at = index * FIGURES;
    take(key, {
      bytesIn: figures[at]!,
      bytesOut: figures[at + 1]!,
      bitsIn: figures[at + 2]!,
      bitsOut: figures[at + 3]!,
    });
  });
}
