// How long to wait before requesting a stream again. Knows no player.

/** Seconds before the first attempts; the last value applies to all further ones. */
const PAUSES = [1, 2, 4, 8, 15];
/** Share by which pauses vary: all viewers of a stream lose it at the same time. */
const SPREAD = 0.2;

/**
 * Seconds before an attempt.
 *
 * @param attempts how many have failed before
 * @param random from 0 up to but not including 1
 */
export function pauseBefore(attempts: number, random: number): number {
  const pause = PAUSES[Math.min(attempts, PAUSES.length - 1)]!;
  return pause * (1 + SPREAD * (2 * random - 1));
}
