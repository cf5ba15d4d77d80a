// What a lane tells may be told by anybody who sends it bad requests, as often as they like: the first of
// a kind is told at once, those that follow are counted and told together.

/** Kinds that are told apart; all others are one. */
const MOST_KINDS = 64;

interface Kind<T> {
  /** The latest one, which is told with their number. */
  last: T;
  count: number;
}

/** Tells of things. */
export class Repeats<T> {
  readonly #tell: (thing: T, times: number) => void;
  readonly #kinds = new Map<string, Kind<T>>();

  /** @param tell told of something that has happened so many times */
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

  /** Tells what has come since the last time. A kind of which nothing has is forgotten. */
  flush(): void {
    for (const [key, kind] of this.#kinds) {
      if (kind.count === 0) this.#kinds.delete(key);
      else this.#tell(kind.last, kind.count);
      kind.count = 0;
    }
  }
}
