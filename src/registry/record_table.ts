// Origins and the mapping of streams to them as one process sees them: bounded maps with an expiry
// for each entry, and how many streams each origin has. No rules about who may map what, no timer
// and no clock: time is an argument, in milliseconds of any clock that never goes backwards.

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

/** How long an entry lives and which of several writers was the last. */
export interface Stamp {
  /** When it is not there any more. */
  readonly expires: number;
  /** When a mapping is not live any more, if it is so now. */
  readonly liveExpires?: number;
  /**
   * Orders changes that may arrive in another order. Without it the change is the newest and keeps
   * the version of what it replaces.
   */
  readonly version?: number;
}

interface Entry<T> {
  readonly value: T;
  /** By the last news of it. Nothing but news changes this. */
  readonly expires: number;
  readonly liveExpires: number;
  /** Until when it stays although its time is over, because news may have been missed. */
  readonly keptUntil: number;
  /** The same of its being live. */
  readonly liveKeptUntil: number;
  readonly version: number;
  /** When there came to be an entry of this name. */
  readonly since: number;
  /** Its number in the order in which all entries came to be. */
  readonly position: number;
}

const FULL_SWEEP_PAUSE = 1_000;
/** By so much, in milliseconds, an entry may come to end sooner and nobody need know. */
const SLIGHTLY = 500;
/** Milliseconds of a freeze in which a heartbeat may have been missed. */
const LONG_FREEZE = 1_000;

/** Two bounded maps. Whatever has expired is not seen any more and goes with the next sweep. */
export class RecordTable {
  /** Changed with every change that an answer given before could depend on. */
  readonly changes = new ChangeCounts();
  /** What is decided about origins, registered or not. */
  readonly settings: SettingsTable;
  readonly #bounds: TableBounds;
  readonly #origins = new Map<string, Entry<Origin>>();
  readonly #streams = new Map<string, Entry<StreamRecord>>();
  // Streams by origin, registered or not, so that picking one counts nothing.
  readonly #loads = new Map<string, number>();
  // Streams that give way to a publisher's when there is no room: those that are not live.
  readonly #yielding = new Set<string>();
  #entries = 0;
  #frozenSince = -Infinity;
  #lastSweep = -Infinity;

  constructor(bounds: TableBounds) {
    this.#bounds = bounds;
    this.settings = new SettingsTable(bounds.maxOrigins, () => this.changes.originsChanged());
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
      const settings = this.settings.of(origin.id);
      records.push({ origin, streams, expiresIn, ...(settings === undefined ? {} : { settings }) });
    }
    return records;
  }

  /** Milliseconds that are left to an origin, 0 or less when it is here only because of a freeze. */
  originTimeLeft(id: string, now: number): number | undefined {
    const entry = this.#alive(this.#origins.get(id), now);
    return entry && entry.expires - now;
  }

  /** Whether the origin was there before the present freeze began. */
  wasThereBefore(id: string): boolean {
    return (this.#origins.get(id)?.since ?? Infinity) <= this.#frozenSince;
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
    this.#origins.set(origin.id, entryOf(origin, stamp, before ?? this.#newEntry(now)));
    if (!before || !isSame(before.value, origin) || endsSooner(stamp, before)) {
      this.changes.originsChanged();
    }
    return true;
  }

  /** Forgets an origin, whichever version it has. */
  removeOrigin(id: string): void {
    if (this.#origins.delete(id)) this.changes.originsChanged();
  }

  /** The mapping of a stream, unless it has expired. */
  stream(stream: string, now: number): FoundStream | undefined {
    const entry = this.#alive(this.#streams.get(stream), now);
    return entry && { record: this.#asOf(entry, now), left: entry.expires - now };
  }

  /** Milliseconds that a mapping is still live, 0 or less when only because of a freeze. */
  liveTimeLeft(stream: string, now: number): number {
    return (this.#streams.get(stream)?.liveExpires ?? -Infinity) - now;
  }

  /**
   * Adds or replaces a mapping. One of a newer version stays as it is. Where there is no room, one
   * that is live takes that of one that is not.
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

  /** Whether there is room for another stream. */
  hasStreamRoom(now: number): boolean {
    return this.#hasRoom(this.#streams, this.#bounds.maxStreams, now);
  }

  /** Removes a mapping that is not live, the oldest first. @returns whether there was one */
  makeRoom(): boolean {
    const oldest = this.#yielding.values().next();
    if (oldest.done) return false;
    this.removeStream(oldest.value);
    return true;
  }

  /** Removes a mapping unless it is of a newer version; an unknown one is ignored. */
  removeStream(stream: string, version = Infinity): void {
    const entry = this.#streams.get(stream);
    if (!entry || entry.version > version) return;
    this.#streams.delete(stream);
    this.#yielding.delete(stream);
    this.#addLoad(entry.value.origin, -1);
    this.changes.streamChanged(stream);
  }

  /**
   * The mappings, page by page, those first that have been there longest.
   *
   * @throws ProxyError `bad_request` when `after` is none of ours
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

  /** Every mapping whose time is not over; what is here only because of a freeze is left out. */
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
   * Ends the freeze. What it has kept stays `grace` milliseconds longer, if it was so long that
   * news can have been missed. Its time is not prolonged: only news do that.
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

  /** Drops what has expired. @returns what is left */
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

  /** What was live when the proxies lost sight of each other stays so until they meet again. */
  #asOf(entry: Entry<StreamRecord>, now: number): StreamRecord {
    const { value, since } = entry;
    const liveUntil = Math.max(entry.liveExpires, entry.liveKeptUntil);
    if (!isLive(value) || now < liveUntil) return value;
    const isFrozen = since <= this.#frozenSince && this.#frozenSince < liveUntil;
    return isFrozen ? value : { ...value, publisher: "" };
  }

  #hasRoom(entries: ReadonlyMap<string, unknown>, limit: number, now: number): boolean {
    if (entries.size < limit) return true;
    // While it is full every newcomer asks for this, and most must not pay for it. What is here
    // only because of a freeze makes room too.
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

/** Heartbeats bring the same origin again and again. */
function isSame(one: Origin, other: Origin): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** Whether two mappings of a stream are one to whoever is led by it. */
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

/** What was there when the freeze began, and live then, stays so. */
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
