// Reads something again and again while the page is visible: periodically, and soon after a change. Knows
// nothing about what is read.

/// <reference lib="dom" />

import type { ChangeFeed } from "./change_feed.ts";

/** Milliseconds between two readings. */
const PERIOD = 5_000;
/** Least milliseconds between a reading and the next one after a change. */
const AFTER_CHANGE = 1_000;
/** The pause is at least this many times as long as the reading: long lists are read less often. */
const SHARE = 10;

/**
 * Reads now and from then on. However many changes are reported, readings neither overlap nor stop.
 *
 * @param read must settle by itself, and must not throw
 * @returns ends it and aborts the signal
 */
export function keepReading(
  feed: ChangeFeed,
  read: (signal: AbortSignal) => Promise<void>,
): () => void {
  const leave = new AbortController();
  const { signal } = leave;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let [isBusy, hasChanged, readAt, pause] = [false, false, -Infinity, AFTER_CHANGE];
  const look = async () => {
    clearTimeout(timer);
    if (isBusy || document.hidden) return;
    [isBusy, hasChanged] = [true, false];
    const startedAt = performance.now();
    await read(signal);
    if (signal.aborted) return;
    [isBusy, readAt] = [false, performance.now()];
    pause = Math.max(AFTER_CHANGE, SHARE * (readAt - startedAt));
    timer = setTimeout(look, hasChanged ? pause : Math.max(PERIOD, pause));
  };
  const onChange = () => {
    hasChanged = true;
    if (isBusy) return;
    clearTimeout(timer);
    timer = setTimeout(look, Math.max(0, pause - (performance.now() - readAt)));
  };
  document.addEventListener("visibilitychange", look, { signal });
  const unsubscribe = feed.subscribe(onChange);
  look();
  return () => {
    leave.abort();
    unsubscribe();
    clearTimeout(timer);
  };
}
