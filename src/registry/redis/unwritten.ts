// What this proxy knows and Redis does not: the names of records decided or received while Redis was away,
// or lost by Redis. The records themselves are in the copy. Never larger than the copy may be.

import { isLive, prevails } from "../mapping_rules.ts";
import type { StreamRecord } from "../store.ts";

/** What Redis must be told about a stream besides its mapping. */
export interface Untold {
  /** The origins from which the stream was taken away. */
  readonly sources: ReadonlySet<string>;
  /** The registry whose last publisher has ended; undefined if none has. */
  readonly ended: string | undefined;
}

/** What has happened to a stream. */
export interface StreamNews {
  /** The origin from which it was taken. */
  readonly from?: string;
  readonly ended?: string | undefined;
}

const MOST_SOURCES = 8;

export class Unwritten {
  readonly #capacity: number;
  readonly #origins = new Set<string>();
  readonly #streams = new Map<string, Untold>();

  /** @param capacity in names of each kind; beyond it the oldest wait for their next renewal */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#origins.size + this.#streams.size;
  }

  addOrigin(id: string): void {
    this.#origins.add(id);
    dropOldest(this.#origins, this.#capacity);
  }

  /** Anything that happens later cancels an earlier `ended`. */
  addStream(stream: string, { from, ended }: StreamNews = {}): void {
    const before = [...this.#streams.get(stream)?.sources ?? []];
    const sources = new Set([...before, ...from === undefined ? [] : [from]].slice(-MOST_SOURCES));
    this.#streams.set(stream, { sources, ended });
    dropOldest(this.#streams, this.#capacity);
  }

  /** Puts back what could not be written; what has happened since is newer. */
  restoreStream(stream: string, untold: Untold): void {
    const since = this.#streams.get(stream);
    const sources = new Set([...untold.sources, ...since?.sources ?? []]);
    this.#streams.set(stream, { sources, ended: since ? since.ended : untold.ended });
  }

  /** Nothing about it needs to be written any more. */
  dropStream(stream: string): void {
    this.#streams.delete(stream);
  }

  /** Removes and returns some of the origins. */
  takeOrigins(count: number): readonly string[] {
    const taken = [...this.#origins.keys().take(count)];
    for (const id of taken) this.#origins.delete(id);
    return taken;
  }

  /** Removes and returns some of the streams. */
  takeStreams(count: number): readonly (readonly [string, Untold])[] {
    const taken = [...this.#streams.entries().take(count)];
    for (const [stream] of taken) this.#streams.delete(stream);
    return taken;
  }

  /**
   * Which of two mappings of a stream holds when Redis reports `theirs`: what Redis itself would decide if
   * ours were written now. If it is not ours, nothing about it needs to be written any more.
   */
  judge(ours: StreamRecord | undefined, theirs: StreamRecord): StreamRecord {
    const sources = this.#streams.get(theirs.stream)?.sources;
    if (!sources || !ours) return theirs;
    if (ours.origin === theirs.origin) return overlaid(ours, theirs);
    if ((sources.has(theirs.origin) && !isLive(theirs)) || prevails(ours, theirs)) return ours;
    this.#streams.delete(theirs.stream);
    return theirs;
  }

  /** Whether a mapping that Redis no longer has is still to be written. */
  hasStream(stream: string): boolean {
    return this.#streams.has(stream);
  }
}

/** Both are at the same origin: ours is kept if it says more. */
function overlaid(ours: StreamRecord, theirs: StreamRecord): StreamRecord {
  if (isLive(ours) !== isLive(theirs)) return isLive(ours) ? ours : theirs;
  return ours.confirmed ? ours : theirs;
}

function dropOldest(
  names: { readonly size: number; keys(): Iterator<string>; delete(name: string): boolean },
  capacity: number,
): void {
  if (names.size <= capacity) return;
  const oldest = names.keys().next();
  if (!oldest.done) names.delete(oldest.value);
}
