// Decides what is newer: Redis numbers every change, while messages, replies and full readings arrive over
// different connections in any order. Knows no record and no connection.

/** The numbers of the changes that this process knows of. */
export class ChangeOrder {
  #version = 0;

  /** Number of the last change up to which nothing is missing; 0 before the first reading. */
  get version(): number {
    return this.#version;
  }

  /**
   * Takes the number of a change from a message.
   *
   * @returns whether earlier messages were lost, so that everything must be read
   */
  hear(version: number): boolean {
    // Nothing is missing before the first reading, nor of what was read after the change.
    const isGap = version > this.#version + 1 && this.#version > 0;
    if (version === this.#version + 1 || this.#version === 0) this.#version = version;
    return isGap;
  }

  /** Whether messages have reported everything up to this change, and perhaps later ones. */
  hasHeard(version: number): boolean {
    return version <= this.#version;
  }

  /**
   * Everything is about to be read, as it is after this change or later.
   *
   * @returns whether numbers have gone back, as when Redis has lost them and its clock was set back:
   * earlier numbers mean nothing then
   */
  startReading(version: number): boolean {
    const isBack = version < this.#version;
    this.#version = isBack ? version : Math.max(this.#version, version);
    return isBack;
  }

  /** Numbers are comparable only within the life of a connection. */
  beginAnew(): void {
    this.#version = 0;
  }
}

/** One kind of record while all of it is being read and messages continue to report changes. */
export class Census {
  readonly #found = new Set<string>();
  readonly #told = new Map<string, number>();

  /** The reading has found a record. */
  find(name: string): void {
    this.#found.add(name);
  }

  /** A message or a reply has reported a record, as present or removed. */
  tell(name: string, version: number): void {
    this.#told.set(name, version);
  }

  /** Whether something newer has been reported of a record than what was read after this change. */
  isOutdated(name: string, version: number): boolean {
    return (this.#told.get(name) ?? 0) > version;
  }

  /** Whether a record is not in Redis, according to the complete reading. */
  isMissing(name: string): boolean {
    return !this.#found.has(name) && !this.#told.has(name);
  }
}
