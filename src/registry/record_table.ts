// Origins and the mapping of streams to them as one process sees them: bounded maps with an expiry
// for each entry, and how many streams each origin has. No rule of who may map what is in here, no
// timer and no clock: time is an argument, in milliseconds of any clock that never goes backwards.

import type { PageRequest, StreamPage } from "../core/directory.ts";
import { ProxyError } from "../core/errors.ts";
import type { Origin } from "../core/origin.ts";
import type { OriginRecord, StoreSize, StreamRecord } from "./store.ts";

/** Bounds of a table. */
export interface TableBounds {
  readonly maxOrigins: number;
  readonly maxStreams: number;
}

/** How long an entry lives and which of several writers was the last. */
export interface Stamp {
  /** When it is not there any more. */
  readonly expires: number;
  /**
   * Orders changes that may arrive in another order. Without it the change is the newest and keeps
   * the version of what it replaces.
   */
  readonly version?: number;
}

interface Entry<T> {
  readonly value: T;
  readonly expires: number;
  readonly version: number;
  /** When there came to be an entry of this name. */
  readonly since: number;
}

const FULL_SWEEP_PAUSE = 1_000;

/** Two bounded maps. Whatever has expired is not seen any more and goes with the next sweep. */
export class RecordTable {
  readonly #bounds: TableBounds;
  readonly #origins = new Map<string, Entry<Origin>>();
  readonly #streams = new Map<string, Entry<StreamRecord>>();
  // Streams by origin, registered or not, so that picking one counts nothing.
  readonly #loads = new Map<string, number>();
  #heldSince = -Infinity;
  #lastSweep = -Infinity;

  constructor(bounds: TableBounds) {
    this.#bounds = bounds;
  }

  /** The origin of that id, unless it has expired. */
  origin(id: string, now: number): Origin | undefined {
    return this.#alive(this.#origins.get(id), now)?.value;
  }

  /** All origins that have not expired. */
  origins(now: number): OriginRecord[] {
    const records: OriginRecord[] = [];
    for (const entry of this.#origins.values()) {
      if (!this.#alive(entry, now)) continue;
      const { value: origin, expires } = entry;
      const streams = this.#loads.get(origin.id) ?? 0;
      const expiresIn = expires === Infinity ? null : Math.max(0, expires - now);
      records.push({ origin, streams, expiresIn });
    }
    return records;
  }

  /** Milliseconds that are left to an origin, 0 or less when it is here only because of a hold. */
  originTimeLeft(id: string, now: number): number | undefined {
    const entry = this.#alive(this.#origins.get(id), now);
    return entry && entry.expires - now;
  }

  /** Whether the origin was there before the present hold began. */
  wasThereBefore(id: string): boolean {
    return (this.#origins.get(id)?.since ?? Infinity) <= this.#heldSince;
  }

  /**
   * Adds or replaces an origin. One of a newer version stays as it is.
   *
   * @returns false when it is new and there is no room
   */
  putOrigin(origin: Origin, stamp: Stamp, now: number): boolean {
    const before = this.#origins.get(origin.id);
    if (isOlder(stamp, before)) return true;
    if (!before && !this.#hasRoom(this.#origins, this.#bounds.maxOrigins, now)) return false;
    this.#origins.set(origin.id, entryOf(origin, stamp, before ?? { version: 0, since: now }));
    return true;
  }

  /** The mapping of a stream, unless it has expired. */
  stream(stream: string, now: number): StreamRecord | undefined {
    return this.#alive(this.#streams.get(stream), now)?.value;
  }

  /** Milliseconds that are left to a mapping, 0 or less when it is here only because of a hold. */
  streamTimeLeft(stream: string, now: number): number | undefined {
    const entry = this.#alive(this.#streams.get(stream), now);
    return entry && entry.expires - now;
  }

  /**
   * Adds or replaces a mapping. One of a newer version stays as it is.
   *
   * @returns false when it is new and there is no room
   */
  putStream(record: StreamRecord, stamp: Stamp, now: number): boolean {
    const before = this.#streams.get(record.stream);
    if (isOlder(stamp, before)) return true;
    if (!before && !this.#hasRoom(this.#streams, this.#bounds.maxStreams, now)) return false;
    if (before) this.#addLoad(before.value.origin, -1);
    this.#addLoad(record.origin, 1);
    this.#streams.set(record.stream, entryOf(record, stamp, before ?? { version: 0, since: now }));
    return true;
  }

  /** Removes a mapping unless it is of a newer version; an unknown one is ignored. */
  removeStream(stream: string, version = Infinity): void {
    const entry = this.#streams.get(stream);
    if (!entry || entry.version > version) return;
    this.#streams.delete(stream);
    this.#addLoad(entry.value.origin, -1);
  }

  /** The mappings, page by page. @throws ProxyError `bad_request` when `after` is none of ours */
  page({ limit, after = "0" }: PageRequest, now: number): StreamPage {
    const start = Number(after);
    if (!Number.isSafeInteger(start) || start < 0) {
      throw new ProxyError("bad_request", `Cannot continue a list: current value is ${after}`);
    }
    const streams: StreamRecord[] = [];
    let position = 0;
    for (const entry of this.#streams.values()) {
      if (streams.length >= limit) return { streams, next: String(position) };
      if (position++ >= start && this.#alive(entry, now)) streams.push(entry.value);
    }
    return { streams, next: undefined };
  }

  /** Every mapping that has not expired. */
  *streams(now: number): Generator<StreamRecord> {
    for (const entry of this.#streams.values()) {
      if (this.#alive(entry, now)) yield entry.value;
    }
  }

  /** From now on nothing that is there expires, until `release`. What comes later does. */
  hold(now: number): void {
    this.sweep(now);
    this.#heldSince = now;
  }

  /** Ends the hold. What it has kept lives `grace` milliseconds longer at least. */
  release(now: number, grace: number): void {
    const kept = { since: this.#heldSince, expires: now + grace };
    this.#heldSince = -Infinity;
    prolong(this.#origins, kept);
    prolong(this.#streams, kept);
  }

  /** Versions begin anew: whatever comes next is newer than all that is there. */
  forgetVersions(): void {
    resetVersions(this.#origins);
    resetVersions(this.#streams);
  }

  /** Drops what has expired. @returns what is left */
  sweep(now: number): StoreSize {
    this.#drop((entry) => !this.#alive(entry, now));
    return { origins: this.#origins.size, streams: this.#streams.size };
  }

  clear(): void {
    this.#origins.clear();
    this.#streams.clear();
    this.#loads.clear();
  }

  #alive<T>(entry: Entry<T> | undefined, now: number): Entry<T> | undefined {
    if (!entry) return undefined;
    return now < entry.expires || entry.since <= this.#heldSince ? entry : undefined;
  }

  #hasRoom(entries: ReadonlyMap<string, unknown>, limit: number, now: number): boolean {
    if (entries.size < limit) return true;
    // While it is full every newcomer asks for this, and most must not pay for it. What is here
    // only because of a hold makes room too.
    if (now - this.#lastSweep >= FULL_SWEEP_PAUSE) {
      this.#lastSweep = now;
      this.#drop(({ expires }) => now >= expires);
    }
    return entries.size < limit;
  }

  #drop(isOver: (entry: Entry<unknown>) => boolean): void {
    for (const [id, entry] of this.#origins) {
      if (isOver(entry)) this.#origins.delete(id);
    }
    for (const [stream, entry] of this.#streams) {
      if (isOver(entry)) this.removeStream(stream);
    }
  }

  #addLoad(origin: string, by: number): void {
    const load = (this.#loads.get(origin) ?? 0) + by;
    if (load > 0) this.#loads.set(origin, load);
    else this.#loads.delete(origin);
  }
}

function isOlder(stamp: Stamp, before: Entry<unknown> | undefined): boolean {
  return before !== undefined && stamp.version !== undefined && stamp.version < before.version;
}

function entryOf<T>(
  value: T,
  { expires, version }: Stamp,
  before: { readonly version: number; readonly since: number },
): Entry<T> {
  return { value, expires, version: version ?? before.version, since: before.since };
}

function prolong<T>(
  entries: Map<string, Entry<T>>,
  { since, expires }: { readonly since: number; readonly expires: number },
): void {
  for (const [name, entry] of entries) {
    if (entry.since <= since && entry.expires < expires) entries.set(name, { ...entry, expires });
  }
}

function resetVersions<T>(entries: Map<string, Entry<T>>): void {
  for (const [name, entry] of entries) {
    if (entry.version !== 0) entries.set(name, { ...entry, version: 0 });
  }
}
