// The ids of an engine's open links: small numbers, each used by one link at a time.

import { ProxyError } from "../../core/errors.ts";

export class LinkIds {
  readonly #capacity: number;
  readonly #free: number[] = [];
  #given = 0;

  /** @param capacity how many ids there are */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * Opens a link with an id of its own; if that fails, the id is free again.
   *
   * @throws ProxyError `overloaded` when all ids are in use, and what `open` throws
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

  /** Takes back the id of a closed link. */
  takeBack(id: number): void {
    this.#free.push(id);
  }

  #next(): number {
    if (this.#given < this.#capacity) return this.#given++;
    throw new ProxyError("overloaded", "Cannot open another session now");
  }
}
