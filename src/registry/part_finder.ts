// Finds the origin of a part of a stream by the tag in the request. Creates no mapping and chooses no
// origin.

import { ProxyError } from "../core/errors.ts";
import type { Origin } from "../core/origin.ts";
import type { PartRequest, StreamOwner } from "../core/contracts.ts";
import { isLive } from "./mapping_rules.ts";
import { OriginTags } from "./origin_tags.ts";
import type { OriginRecord, Store } from "./store.ts";

/** An unknown tag makes the origins be listed again, but at most once in this many milliseconds. */
const UPDATE_PAUSE = 250;

export class PartFinder {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #tags = new OriginTags();

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** @throws ProxyError `not_found`, `registry_unavailable` */
  async find({ stream, originTag, protocol, failed }: PartRequest): Promise<Origin> {
    const tagged = originTag === undefined ? undefined : await this.#originOfTag(originTag);
    const owner = async () => (await this.#store.stream(stream))?.record.origin;
    for (const find of [() => tagged, owner]) {
      const id = await find();
      if (id === undefined || failed.includes(id)) continue;
      const origin = await this.#store.origin(id);
      if (origin !== undefined && origin.endpoints[protocol].length > 0) return origin;
    }
    throw new ProxyError("not_found", "Cannot find the origin of this part of a stream");
  }

  /** @throws ProxyError `registry_unavailable` */
  async owner(stream: string): Promise<StreamOwner | undefined> {
    const record = (await this.#store.stream(stream))?.record;
    const origin = record && await this.#store.origin(record.origin);
    return record && origin && { origin, confirmed: record.confirmed, live: isLive(record) };
  }

  /** Whether the tag is that of this origin. */
  isTagOf(tag: string, id: string): boolean {
    return this.#tags.find(tag) === id;
  }

  /** Adds one registered origin. */
  add(id: string): void {
    this.#tags.add(id);
  }

  /** These are all registered origins. */
  update(origins: readonly OriginRecord[]): void {
    this.#tags.update(origins.map(({ origin }) => origin.id), this.#now());
  }

  async #originOfTag(tag: string): Promise<string | undefined> {
    const known = this.#tags.find(tag);
    if (known !== undefined || this.#now() - this.#tags.updatedAt < UPDATE_PAUSE) return known;
    this.update(await this.#store.origins());
    return this.#tags.find(tag);
  }
}
