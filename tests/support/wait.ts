// Waits for something to become true, always with a deadline. All waits in tests go through here or
// through the end of a process; nothing waits for a guessed time.

import { pause as pauseBy, systemClock, within as withinTime } from "../../src/core/clock.ts";

/** How long and how often to look. */
export interface WaitOptions {
  /** Milliseconds after which the wait fails; 10,000 unless given. */
  readonly timeout?: number | undefined;
  /** Milliseconds between two checks; unless given a tenth of what has passed, from 40 to 120. */
  readonly interval?: number;
  /** What was seen instead; added to the error when the wait fails. */
  readonly describe?: () => string;
}

/**
 * Calls `look` until it returns something other than undefined or false, and returns that.
 *
 * @throws Error naming `what` when the time is over; also whatever `look` throws
 */
export async function until<Found>(
  what: string,
  look: () => Found | undefined | false | Promise<Found | undefined | false>,
  options: WaitOptions = {},
): Promise<Found> {
  const { timeout = 10_000, interval, describe } = options;
  const begin = performance.now();
  const deadline = begin + timeout;
  while (true) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      const seen = describe === undefined ? "" : `\n${describe()}`;
      throw new Error(`Cannot see ${what}: current value is nothing after ${timeout} ms${seen}`);
    }
    const passed = performance.now() - begin;
    await pause(interval ?? Math.min(Math.max(40, passed / 10), 120));
  }
}

/**
 * Settles as `promise` does, or fails when `timeout` milliseconds have passed.
 *
 * @throws Error naming `what` when the time is over.
 */
export async function within<Value>(
  what: string,
  timeout: number,
  promise: Promise<Value>,
): Promise<Value> {
  return await withinTime(systemClock, timeout, promise, () => {
    throw new Error(`Cannot see ${what}: current value is nothing after ${timeout} ms`);
  });
}

/** Resolves after `milliseconds`: the interval of a poll or of a heartbeat, never a guess. */
export function pause(milliseconds: number): Promise<void> {
  return pauseBy(systemClock, milliseconds);
}
