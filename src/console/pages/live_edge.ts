// Where to continue a live stream that has fallen behind. Knows no player.

/** Buffered media, in seconds of the player's time. */
export interface MediaRange {
  readonly start: number;
  readonly end: number;
}

/** Seconds behind the end of the buffer. */
export interface Latency {
  /** The most that is acceptable. */
  readonly most: number;
  /** Where to jump to. */
  readonly aim: number;
}

/** Where to jump to; undefined if the position is good. */
export function jumpFrom(
  position: number,
  ranges: readonly MediaRange[],
  { most, aim }: Latency,
): number | undefined {
  const last = ranges.at(-1);
  if (last === undefined || position > last.end) return undefined;
  const isInHole = position < last.start &&
    !ranges.some(({ start, end }) => start <= position && position < end - 0.1);
  if (!isInHole && last.end - position <= most) return undefined;
  return Math.max(last.start, last.end - aim);
}

export function rangesOf(buffered: {
  readonly length: number;
  start(index: number): number;
  end(index: number): number;
}): MediaRange[] {
  return Array.from({ length: buffered.length }, (_, index) => ({
    start: buffered.start(index),
    end: buffered.end(index),
  }));
}
