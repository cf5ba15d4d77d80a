// The ids of the open links of an engine: small numbers, each given to one link at a time.

import { ProxyError } from "../../core/errors.ts";

export class LinkIds {
  readonly #capacity: number;
  readonly #free: number[] = [];
  #given = 0;

  /** @param capacity ids that may be given at once */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * Opens a link with an id of its own; when that fails the id is free again.
   *
   * @throws ProxyError `overloaded` when all ids are given, and what `open` throws
   */
  openWith<Link>(open: (id: number) => Link): Link {
    const id = this.#free.pop() ?? this.#next();
    try {
      return open(id);
    } catch (error) {
      this.#free.push(id);
      throw error;
    }
  }

  /** Takes back the id of a link that has been closed. */
  takeBack(id: number): void {
    this.#free.push(id);
  }

  #next(): number {
    if (this.#given < this.#capacity) return this.#given++;
    throw new ProxyError("overloaded", "Cannot open another session now");
  }
}
