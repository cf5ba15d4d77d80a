// Whether a playback position advances. Knows no player; the time is passed in.

/** Milliseconds without progress after which playback counts as stalled, by default. */
const PATIENCE = 5000;

/** Watches a periodically sampled position. */
export class Progress {
  #position = 0;
  #movedAt: number;

  /** @param now milliseconds, of any clock that never goes backwards */
  constructor(now: number) {
    this.#movedAt = now;
  }

  /** Whether the position has stood still for too long; a paused one may. */
  isStuck(position: number, isPaused: boolean, now: number, patience = PATIENCE): boolean {
    if (position !== this.#position || isPaused) this.#movedAt = now;
    this.#position = position;
    return now - this.#movedAt >= patience;
  }
}
