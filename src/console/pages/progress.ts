// Whether a playback position advances. Knows no player; the time is passed in.

/** Milliseconds without progress after which playback counts as stalled, unless told otherwise. */
const PATIENCE = 5000;

/** Watches a position that is sampled periodically. */
export class Progress {
  #position = 0;
  #movedAt: number;

  /** @param now milliseconds, of any clock that only goes forward */
  constructor(now: number) {
    this.#movedAt = now;
  }

  /** Whether the position has stood still for too long; one that has been paused may. */
  isStuck(position: number, isPaused: boolean, now: number, patience = PATIENCE): boolean {
    if (position !== this.#position || isPaused) this.#movedAt = now;
    this.#position = position;
    return now - this.#movedAt >= patience;
  }
}
