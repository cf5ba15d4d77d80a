// A bounded map: all entries have the same time to live, and when the map is full the oldest one makes
// room. Time is an argument, so there is no timer to stop.

interface Entry<V> {
  readonly value: V;
  readonly expires: number;
}

/** A bounded map with a time to live, in order of the last `set`. */
export class ExpiringMap<K, V> {
  readonly #capacity: number;
  readonly #ttl: number;
  // A Map keeps insertion order, and all entries live equally long: the first is always the next to
  // expire.
  readonly #entries = new Map<K, Entry<V>>();

  /** @param options `capacity` in entries, at least 1; `ttl` in the unit of every `now` */
  constructor(options: { readonly capacity: number; readonly ttl: number }) {
    this.#capacity = options.capacity;
    this.#ttl = options.ttl;
  }

  /** Number of entries, including those that have expired since the last `expire`. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value; undefined if it is missing or has expired. Does not prolong its life. */
  get(key: K, now: number): V | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && now < entry.expires ? entry.value : undefined;
  }

  /**
   * Stores a value for one time to live from now, as the youngest entry.
   *
   * @returns the oldest entry if it had to make room for a new key
   */
  set(key: K, value: V, now: number): [K, V] | undefined {
    this.#entries.delete(key);
    const evicted = this.#entries.size < this.#capacity ? undefined : this.#takeOldest();
    this.#entries.set(key, { value, expires: now + this.#ttl });
    return evicted;
  }

  /** Removes an entry. @returns whether it was there and alive */
  delete(key: K, now: number): boolean {
    const alive = this.get(key, now) !== undefined;
    this.#entries.delete(key);
    return alive;
  }

  /** Removes expired entries; the cost depends only on their number. @returns the removed, oldest first */
  expire(now: number): [K, V][] {
    const expired: [K, V][] = [];
    for (const [key, entry] of this.#entries) {
      if (now < entry.expires) break;
      this.#entries.delete(key);
      expired.push([key, entry.value]);
    }
    return expired;
  }

  /** The entries alive at `now`, oldest first. */
  *entries(now: number): Generator<[K, V]> {
    for (const [key, entry] of this.#entries) {
      if (now < entry.expires) yield [key, entry.value];
    }
  }

  #takeOldest(): [K, V] | undefined {
    const oldest = this.#entries.entries().next().value;
    if (oldest === undefined) return undefined;
    this.#entries.delete(oldest[0]);
    return [oldest[0], oldest[1].value];
  }
}
