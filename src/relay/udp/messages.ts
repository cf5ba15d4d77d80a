// What every relay over UDP and its thread say to each other; each adds what its protocol needs. `Key`
// is how the two know a session.

import type { MovedFigures } from "./figures.ts";

/** To the thread. */
export type SessionCommand<Key> =
  /** The session is to be ended in order. */
  | { readonly type: "close"; readonly key: Key; readonly reason: string }
  /** Nobody new is to be taken. */
  | { readonly type: "drain" };

/** How a session has ended. */
export interface SessionEnd<Key> {
  readonly type: "ended";
  readonly key: Key;
  readonly reason: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** From it. */
export type SessionReport<Key> =
  | SessionEnd<Key>
  /** Since the last one. */
  | ({ readonly type: "moved" } & MovedFigures);
