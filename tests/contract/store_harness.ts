// What the contract suites need to test a store: ends to use it from, a way to let time pass,
// limits.

import { ProxyError } from "../../src/core/errors.ts";
import type { Answer, Store } from "../../src/registry/store.ts";

/** Empty records, at least one store on them, and a way to let time pass. */
export interface StoreHarness extends AsyncDisposable {
  /** Stores on the same records; the same store twice if there can be only one. */
  readonly stores: readonly [Store, Store, ...Store[]];
  /** Resolves when this many milliseconds have passed for the store. */
  readonly pass: (milliseconds: number) => Promise<void>;
  /** Resolves when each store knows what the others have done so far. */
  readonly settle: () => Promise<void>;
}

/** Limits of a harness's stores. */
export interface StoreBounds {
  readonly maxOrigins: number;
  readonly maxStreams: number;
  readonly maxSessions: number;
}

/** Opens a harness with empty records. */
export type OpenHarness = (bounds: StoreBounds) => Promise<StoreHarness>;

export type Test = (harness: StoreHarness) => Promise<void>;

/** The limits of the suite's stores. */
export const BOUNDS: StoreBounds = { maxOrigins: 400, maxStreams: 400, maxSessions: 100 };
/** A TTL that expires during a test, and one that does not, milliseconds. */
export const TTL = 300;
/** See `TTL`. */
export const LONG = 60_000;

/** Fills a table. The one record with a short life is put last, since that may take longer than its life. */
export async function fill(
  room: number,
  put: (at: number, ttl: number) => Answer<unknown>,
): Promise<void> {
  for (let at = 1; at < room; at++) await put(at, LONG);
  await put(0, TTL);
}

/** For assert.rejects. */
export function isOverloaded(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "overloaded";
}
