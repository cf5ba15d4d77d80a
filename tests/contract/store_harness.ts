// What the suites of the contract need of a store that they are to try: ends to use it from, a way
// to let time pass, bounds.

import { ProxyError } from "../../src/core/errors.ts";
import type { Store } from "../../src/registry/store.ts";

/** Empty records, at least one store on them, and a way to let time pass. */
export interface StoreHarness extends AsyncDisposable {
  /** Ends of the same records; the same store twice if there can be only one. */
  readonly stores: readonly [Store, Store, ...Store[]];
  /** Resolves when so many milliseconds have passed for the store. */
  readonly pass: (milliseconds: number) => Promise<void>;
  /** Resolves when each end knows what the other has done so far. */
  readonly settle: () => Promise<void>;
}

/** How much a harness's stores may hold. */
export interface StoreBounds {
  readonly maxOrigins: number;
  readonly maxStreams: number;
  readonly maxSessions: number;
}

/** Opens a harness with empty records. */
export type OpenHarness = (bounds: StoreBounds) => Promise<StoreHarness>;

/** One thing that every store must do. */
export type Test = (harness: StoreHarness) => Promise<void>;

/** What the suite's stores may hold. */
export const BOUNDS: StoreBounds = { maxOrigins: 400, maxStreams: 400, maxSessions: 100 };
/** A life, in milliseconds, that a test sees the end of, and one that it does not. */
export const TTL = 300;
/** See `TTL`. */
export const LONG = 60_000;

/** For assert.rejects. */
export function isOverloaded(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "overloaded";
}
