// Origins and the mappings of streams to them as one process sees them: bounded maps in which each entry
// expires, and the number of streams of each origin. No rules about who may map what, no timer and no
// clock: time is an argument, in milliseconds of any clock that never goes backwards.

import type { StreamFilter, StreamPageRequest } from "../core/registrar.ts";
import { positionOf } from "../core/list_position.ts";
import { ChangeCounts } from "../core/change_counts.ts";
import type { Origin } from "../core/origin.ts";
import { isLive } from "./mapping_rules.ts";
import { SettingsTable } from "./origin_settings.ts";
import type {
  FoundStream,
  ListedStream,
  OriginRecord,
  StoreSize,
  StreamRecord,
  StreamRecordPage,
} from "./store.ts";

export interface TableBounds {
  readonly maxOrigins: number;
  readonly maxStreams: number;
}

/** When an entry expires, and which of several writers was the last. */
export interface Stamp {
  /** When the entry expires. */
  readonly expires: number;
  /** When a mapping stops being live, if it is live now. */
  readonly liveExpires?: number;
  /**
   * Orders changes that may arrive out of order. Without it the change counts as the newest and keeps the
   * version of what it replaces.
   */
  readonly version?: number;
}

interface Entry<T> {
  readonly value: T;
  /** According to the latest news of it; nothing else changes this. */
  readonly expires: number;
  readonly liveExpires: number;
  /** Until when it stays although it has expired, because news may have been missed. */
  readonly keptUntil: number;
  /** The same for its being live. */
  readonly liveKeptUntil: number;
  readonly version: number;
  /** When an entry of this name was first added. */
  readonly since: number;
  /** Its number in the order in which entries were first added. */
  readonly position: number;
}

const FULL_SWEEP_PAUSE = 1_000;
/** An entry may expire earlier by this many milliseconds without counting as changed. */
const SLIGHTLY = 500;
/** Milliseconds of a freeze in which a heartbeat may have been missed. */
const LONG_FREEZE = 1_000;

/** Two bounded maps. Expired entries are no longer visible and are removed by the next sweep. */
export class RecordTable {
  /** Updated with every change that an earlier answer could depend on. */
  readonly changes = new ChangeCounts();
  /** The settings of origins, registered or not. */
  readonly settings: SettingsTable;
  readonly #bounds: TableBounds;
  readonly #origins = new Map<string, Entry<Origin>>();
  readonly #streams = new Map<string, Entry<StreamRecord>>();
  // Number of streams by origin, registered or not, so that picking need not count.
  readonly #loads = new Map<string, number>();
  // Streams that are not live: they make room for a publisher's.
  readonly #yielding = new Set<string>();
  #entries = 0;
  #frozenSince = -Infinity;
  #lastSweep = -Infinity;

  constructor(bounds: TableBounds) {
    this.#bounds = bounds;
    this.settings = new SettingsTable(bounds.maxOrigins, () => this.changes.originsChanged());
  }

  /** The origin with that id, unless it has expired. */
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
      const settings = this.settings.of(origin.id);
      records.push({ origin, streams, expiresIn, settings });
    }
    return records;
  }

  /** Milliseconds until an origin expires; 0 or less if only a freeze keeps it. */
  originTimeLeft(id: string, now: number): number | undefined {
    const entry = this.#alive(this.#origins.get(id), now);
    return entry && entry.expires - now;
  }

  /** Whether the origin was there before the present freeze began. */
  wasThereBefore(id: string): boolean {
    return (this.#origins.get(id)?.since ?? Infinity) <= this.#frozenSince;
  }

  /**
   * Adds or replaces an origin, unless a newer version is there.
   *
   * @returns false when it is new and there is no room
   */
  putOrigin(origin: Origin, stamp: Stamp, now: number): boolean {
    const before = this.#origins.get(origin.id);
    if (isOlder(stamp, before)) return true;
    if (!before && !this.#hasRoom(this.#origins, this.#bounds.maxOrigins, now)) return false;
    this.#origins.set(origin.id, entryOf(origin, stamp, before ?? this.#newEntry(now)));
    if (!before || !isSame(before.value, origin) || endsSooner(stamp, before)) {
      this.changes.originsChanged();
    }
    return true;
  }

  /** Removes an origin, whichever version it has. */
  removeOrigin(id: string): void {
    if (this.#origins.delete(id)) this.changes.originsChanged();
  }

  /** The mapping of a stream, unless it has expired. */
  stream(stream: string, now: number): FoundStream | undefined {
    const entry = this.#alive(this.#streams.get(stream), now);
    return entry && { record: this.#asOf(entry, now), left: entry.expires - now };
  }

  /** Milliseconds for which a mapping is still live; 0 or less if only a freeze keeps it so. */
  liveTimeLeft(stream: string, now: number): number {
    return (this.#streams.get(stream)?.liveExpires ?? -Infinity) - now;
  }

  /**
   * Adds or replaces a mapping, unless a newer version is there. If there is no room, a live one replaces
   * one that is not live.
   *
   * @returns false when it is new and there is no room
   */
  putStream(record: StreamRecord, stamp: Stamp, now: number): boolean {
    const before = this.#streams.get(record.stream);
    if (isOlder(stamp, before)) return true;
    if (!before && !this.#hasRoom(this.#streams, this.#bounds.maxStreams, now)) {
      if (!isLive(record) || !this.makeRoom()) return false;
    }
    if (before) this.#addLoad(before.value.origin, -1);
    this.#addLoad(record.origin, 1);
    if (isLive(record)) this.#yielding.delete(record.stream);
    else this.#yielding.add(record.stream);
    this.#streams.set(record.stream, entryOf(record, stamp, before ?? this.#newEntry(now)));
    if (!before || !saysTheSame(before.value, record) || endsSooner(stamp, before)) {
      this.changes.streamChanged(record.stream);
    }
    return true;
  }

  hasStreamRoom(now: number): boolean {
    return this.#hasRoom(this.#streams, this.#bounds.maxStreams, now);
  }

  /** Removes the oldest mapping that is not live. @returns whether there was one */
  makeRoom(): boolean {
    const oldest = this.#yielding.values().next();
    if (oldest.done) return false;
    this.removeStream(oldest.value);
    return true;
  }

  /** Removes a mapping unless it has a newer version; an unknown one is ignored. */
  removeStream(stream: string, version = Infinity): void {
    const entry = this.#streams.get(stream);
    if (!entry || entry.version > version) return;
    this.#streams.delete(stream);
    this.#yielding.delete(stream);
    this.#addLoad(entry.value.origin, -1);
    this.changes.streamChanged(stream);
  }

  /**
   * The mappings, page by page, oldest first.
   *
   * @throws ProxyError `bad_request` when `after` is not one of ours
   */
  page(page: StreamPageRequest, now: number): StreamRecordPage {
    const after = positionOf(page);
    const fits = fitting(page);
    const streams: ListedStream[] = [];
    let [total, last, next] = [0, 0, undefined as string | undefined];
    const one = page.key === undefined ? undefined : this.#streams.get(page.key);
    const entries = page.key === undefined ? this.#streams.values() : one ? [one] : [];
    for (const entry of entries) {
      const record = this.#alive(entry, now) && this.#asOf(entry, now);
      if (!record || !fits(record)) continue;
      total++;
      if (entry.position <= after || next !== undefined) continue;
      if (streams.length >= page.limit) {
        next = String(last);
        continue;
      }
      streams.push({ ...record, knownFor: now - entry.since });
      last = entry.position;
    }
    return { streams, next, total };
  }

  /** Every mapping that has not expired, without those that only a freeze keeps. */
  *streams(now: number): Generator<StreamRecord> {
    for (const entry of this.#streams.values()) {
      if (now < entry.expires) yield this.#asOf(entry, now);
    }
  }

  /** From now until `thaw` no present entry expires; later ones do. */
  freeze(now: number): void {
    this.sweep(now);
    this.#frozenSince = now;
  }

  /**
   * Ends the freeze. Entries that it has kept stay for another `grace` milliseconds, if it was long enough
   * for news to be missed. That does not renew them: only news does.
   */
  thaw(now: number, grace: number): void {
    const since = this.#frozenSince;
    this.#frozenSince = -Infinity;
    if (now - since < LONG_FREEZE) return;
    const kept = { since, until: now + grace };
    keep(this.#origins, kept);
    keep(this.#streams, kept);
  }

  /** Versions start over: whatever comes next is newer than everything here. */
  forgetVersions(): void {
    resetVersions(this.#origins);
    resetVersions(this.#streams);
  }

  /** Removes expired entries. @returns what is left */
  sweep(now: number): StoreSize {
    this.#drop((entry) => !this.#alive(entry, now));
    this.settings.sweep(now, (id) => this.#origins.has(id));
    return { origins: this.#origins.size, streams: this.#streams.size };
  }

  clear(): void {
    this.#origins.clear();
    this.settings.clear();
    this.#streams.clear();
    this.#yielding.clear();
    this.#loads.clear();
  }

  #newEntry(now: number): Pick<Entry<never>, "version" | "since" | "position"> {
    return { version: 0, since: now, position: ++this.#entries };
  }

  #alive<T>(entry: Entry<T> | undefined, now: number): Entry<T> | undefined {
    if (!entry) return undefined;
    if (now < entry.expires || now < entry.keptUntil) return entry;
    return entry.since <= this.#frozenSince ? entry : undefined;
  }

  /** What was live when the proxies lost contact stays live until they have contact again. */
  #asOf(entry: Entry<StreamRecord>, now: number): StreamRecord {
    const { value, since } = entry;
    const liveUntil = Math.max(entry.liveExpires, entry.liveKeptUntil);
    if (!isLive(value) || now < liveUntil) return value;
    const isFrozen = since <= this.#frozenSince && this.#frozenSince < liveUntil;
    return isFrozen ? value : { ...value, publisher: "" };
  }

  #hasRoom(entries: ReadonlyMap<string, unknown>, limit: number, now: number): boolean {
    if (entries.size < limit) return true;
    // While the table is full, every new stream asks for this, and most must not pay for a sweep. Entries
    // that only a freeze keeps make room too.
    if (now - this.#lastSweep >= FULL_SWEEP_PAUSE) {
      this.#lastSweep = now;
      this.#drop(({ expires }) => now >= expires);
    }
    return entries.size < limit;
  }

  #drop(isOver: (entry: Entry<unknown>) => boolean): void {
    for (const [id, entry] of this.#origins) {
      if (!isOver(entry)) continue;
      this.#origins.delete(id);
      this.changes.originsChanged();
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

function fitting({ origin, live, text }: StreamFilter): (record: StreamRecord) => boolean {
  const wanted = text?.toLowerCase();
  return (record) =>
    (origin === undefined || record.origin === origin) &&
    (live === undefined || isLive(record) === live) &&
    (wanted === undefined || record.stream.toLowerCase().includes(wanted));
}

function isOlder(stamp: Stamp, before: Entry<unknown> | undefined): boolean {
  return before !== undefined && stamp.version !== undefined && stamp.version < before.version;
}

function endsSooner({ expires }: Stamp, before: Entry<unknown>): boolean {
  return expires < before.expires - SLIGHTLY;
}

/** Heartbeats repeat the same origin again and again. */
function isSame(one: Origin, other: Origin): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** Whether two mappings of a stream are the same to whoever is led by them. */
function saysTheSame(one: StreamRecord, other: StreamRecord): boolean {
  return one.origin === other.origin && one.epoch === other.epoch &&
    one.confirmed === other.confirmed && isLive(one) === isLive(other);
}

function entryOf<T>(
  value: T,
  { expires, version, liveExpires = -Infinity }: Stamp,
  before: Pick<Entry<T>, "version" | "since" | "position">,
): Entry<T> {
  const { since, position } = before;
  const kept = { keptUntil: -Infinity, liveKeptUntil: -Infinity };
  return {
    ...{ value, expires, liveExpires, ...kept },
    ...{ version: version ?? before.version, since, position },
  };
}

/** Keeps what was there, and what was live, when the freeze began. */
function keep<T>(
  entries: Map<string, Entry<T>>,
  { since, until }: { readonly since: number; readonly until: number },
): void {
  for (const [name, entry] of entries) {
    if (entry.since > since) continue;
    const keptUntil = entry.expires < until ? until : entry.keptUntil;
    const wasLive = since < Math.max(entry.liveExpires, entry.liveKeptUntil);
    const liveKeptUntil = wasLive && entry.liveExpires < until ? until : entry.liveKeptUntil;
    entries.set(name, { ...entry, keptUntil, liveKeptUntil });
  }
}

function resetVersions<T>(entries: Map<string, Entry<T>>): void {
  for (const [name, entry] of entries) {
    if (entry.version !== 0) entries.set(name, { ...entry, version: 0 });
  }
}
