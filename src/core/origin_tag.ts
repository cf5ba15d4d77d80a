// The short name of an origin in links and session addresses. It is computed from the origin's id, so that
// every proxy that knows the origin can resolve it.

import { murmur3 } from "./murmur3.ts";

/** Bytes of a tag; in hexadecimal it has twice as many digits. */
export const TAG_LENGTH = 7;
const SEEDS = [0x5b1d0001, 0x5b1d0002] as const;

/**
 * The tag of an origin's id, 14 hexadecimal digits: long enough that no two of even ten thousand origins
 * share one (probability one in a thousand million).
 */
export function originTagOf(originId: string): string {
  const bytes = new TextEncoder().encode(originId);
  const digits = SEEDS.map((seed) => murmur3(bytes, seed).toString(16).padStart(8, "0"));
  return digits.join("").slice(0, 2 * TAG_LENGTH);
}
