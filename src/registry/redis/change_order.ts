// What is newer: Redis numbers every change, and messages, answers and readings of everything come over
// different connections in any order. Knows no record and no connection.

/** The numbers of changes as this process has come to know them. */
export class ChangeOrder {
  #version = 0;

  /** Number of the last change up to which nothing is missing; 0 before the first reading. */
  get version(): number {
    return this.#version;
  }

  /**
   * A message has told of a change.
   *
   * @returns whether messages before it were lost, so that everything must be read
   */
  hear(version: number): boolean {
    // Nothing is missing before the first reading, nor of what was read after the change.
    const isGap = version > this.#version + 1 && this.#version > 0;
    if (version === this.#version + 1 || this.#version === 0) this.#version = version;
    return isGap;
  }

  /** Whether messages have told all up to this change, and perhaps what came after. */
  hasHeard(version: number): boolean {
    return version <= this.#version;
  }

  /**
   * Everything is about to be read as it is after this change, or later.
   *
   * @returns whether numbers have gone back, as when Redis has lost them and its clock was put back:
   * what was known by its number counts for nothing then
   */
  startReading(version: number): boolean {
    const isBack = version < this.#version;
    this.#version = isBack ? version : Math.max(this.#version, version);
    return isBack;
  }

  /** Numbers mean something only as long as the connection lives. */
  beginAnew(): void {
    this.#version = 0;
  }
}

/** One kind of record while all of it is being read and messages go on telling of changes. */
export class Census {
  readonly #found = new Set<string>();
  readonly #told = new Map<string, number>();

  /** The reading has brought a record. */
  find(name: string): void {
    this.#found.add(name);
  }

  /** A message or an answer has told of a record, that it is there or gone. */
  tell(name: string, version: number): void {
    this.#told.set(name, version);
  }

  /** Whether something newer has been told of a record than what was read after this change. */
  isOutdated(name: string, version: number): boolean {
    return (this.#told.get(name) ?? 0) > version;
  }

  /** Whether a record is not in Redis, as far as the whole reading tells. */
  isMissing(name: string): boolean {
    return !this.#found.has(name) && !this.#told.has(name);
  }
}
