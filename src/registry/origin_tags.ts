// Finds the origin of a tag that comes back in the links of playlists. Knows no store.

import { originTagOf } from "../core/origin_tag.ts";

/** The tags of all known origins, each computed once. */
export class OriginTags {
  #tags = new Map<string, string>();
  #ids = new Map<string, string>();
  #updatedAt = -Infinity;

  /** When the list was last updated, in milliseconds of the caller's clock. */
  get updatedAt(): number {
    return this.#updatedAt;
  }

  /** Id of the origin; undefined if no known origin has this tag. */
  find(tag: string): string | undefined {
    return this.#ids.get(tag);
  }

  /** Adds a known origin. */
  add(id: string): void {
    if (this.#tags.has(id)) return;
    const tag = originTagOf(id);
    this.#tags.set(id, tag);
    this.#ids.set(tag, id);
  }

  /** Replaces the known origins by these. */
  update(ids: Iterable<string>, now: number): void {
    const tags = new Map<string, string>();
    for (const id of ids) tags.set(id, this.#tags.get(id) ?? originTagOf(id));
    this.#tags = tags;
    this.#ids = new Map(Array.from(tags, ([id, tag]) => [tag, id]));
    this.#updatedAt = now;
  }
}
