// Anybody can make a lane report errors by sending bad requests, as often as they like. So the first of
// each kind is reported at once; those that follow are counted and reported together.

/** Kinds that are told apart; all others count as one. */
const MOST_KINDS = 64;

interface Kind<T> {
  /** The latest one, reported together with their number. */
  last: T;
  count: number;
}

export class Repeats<T> {
  readonly #tell: (thing: T, times: number) => void;
  readonly #kinds = new Map<string, Kind<T>>();

  /** @param tell called with the latest of a kind and how often it has happened */
  constructor(tell: (thing: T, times: number) => void) {
    this.#tell = tell;
  }

  add(kind: string, thing: T): void {
    const key = this.#kinds.size < MOST_KINDS || this.#kinds.has(kind) ? kind : "";
    const known = this.#kinds.get(key);
    if (known === undefined) {
      this.#kinds.set(key, { last: thing, count: 0 });
      return this.#tell(thing, 1);
    }
    known.last = thing;
    known.count++;
  }

  /** Reports what was counted since the last time. A kind that has not occurred since is forgotten. */
  flush(): void {
    for (const [key, kind] of this.#kinds) {
      if (kind.count === 0) this.#kinds.delete(key);
      else this.#tell(kind.last, kind.count);
      kind.count = 0;
    }
  }
}
