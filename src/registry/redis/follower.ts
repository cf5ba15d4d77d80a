// Keeps this process's copy of Redis up to date: by the messages about every change, by Redis's replies to
// our own operations, and by reading everything when messages may have been lost. change_order.ts decides
// what is newer.

import type { Origin } from "../../core/origin.ts";
import type { Metrics } from "../../core/contracts.ts";
import { isLive } from "../mapping_rules.ts";
import type { RecordTable } from "../record_table.ts";
import type { RedisCalls } from "./calls.ts";
import { Census, ChangeOrder } from "./change_order.ts";
import {
  type MappingResult,
  parseMapping,
  parseMessage,
  parseOrigin,
  parseWord,
  type TimedMapping,
  type Word,
} from "./records.ts";
import type { IndexPart, Remote, Timed, Versioned } from "./remote.ts";
import type { Unwritten } from "./unwritten.ts";
import type { StreamOperation } from "./stream_operations.ts";

export interface FollowerOptions {
  readonly table: RecordTable;
  readonly unwritten: Unwritten;
  readonly remote: Remote;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** Messages were lost: everything must be read. */
  readonly onGap: () => void;
  /** Whether an origin is configured here; reports of it by others are then ignored. */
  readonly isOwn: (origin: string) => boolean;
  /** A process has put or ended a user's session. */
  readonly onSession: (change: { readonly user: string; readonly by: string }) => void;
  /** Another process has sent a message to all. */
  readonly onWord: (word: Word) => void;
  /** A live stream is no longer live. */
  readonly onLiveEnd: (stream: string) => void;
}

/** What the copy has and Redis lacks. */
export interface Missing {
  readonly origins: readonly string[];
  readonly streams: readonly string[];
}

/** How records of one kind are read. */
interface Kind {
  readonly index: string;
  readonly census: Census;
  readonly keyOf: (name: string) => string;
  /** Takes a value. @returns false when it is invalid */
  readonly take: (name: string, text: string, life: Life) => boolean;
}

interface Life {
  readonly ttl: number;
  readonly version: number;
}

/** The copy forgets a little earlier than Redis does, so that it never has what Redis has lost. */
const EARLIER = { most: 500, share: 0.1 };
const LONGEST_TTL = 2 ** 31;
/** Limit on parts: an index that keeps getting new names would be read for ever. */
const MOST_PARTS = 50_000;

export class Follower {
  readonly #options: FollowerOptions;
  readonly #order = new ChangeOrder();
  #origins: Census | undefined;
  #streams: Census | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Number of the last change up to which nothing is missing. */
  get version(): number {
    return this.#order.version;
  }

  /** Takes a message as received. */
  take(text: string): void {
    const said = parseWord(text);
    if (said) {
      const isOurs = said.by === this.#options.remote.writer;
      return isOurs ? undefined : this.#options.onWord(said.word);
    }
    const message = parseMessage(text);
    if (!message) {
      this.#options.remote.countIgnored();
      return;
    }
    const { version, origin, streams, gone, session } = message;
    if (this.#order.hear(version)) this.#options.onGap();
    if (origin) {
      this.#origins?.tell(origin.origin.id, version);
      this.takeOrigin({ record: origin.origin, ttl: origin.ttl }, version);
    }
    // Removed mappings have made room for new ones.
    for (const stream of gone) this.#removeMapping(stream, version);
    for (const mapping of streams) this.#takeMapping(mapping, version);
    if (session !== undefined) this.#options.onSession(session);
  }

  /** Takes Redis's replies to our operations. */
  takeResults(
    operations: readonly StreamOperation[],
    { version, value }: Versioned<readonly MappingResult[]>,
  ): void {
    if (this.#order.hasHeard(version)) return;
    operations.forEach(({ stream, kind }, at) => {
      const result = value[at]!;
      if (result.outcome === "holds") this.#takeMapping(result.mapping, version);
      else if (kind === "forget") this.#removeMapping(stream, version);
    });
  }

  /** Takes an origin that Redis has reported. */
  takeOrigin({ record, ttl }: Timed<Origin>, version: number): void {
    const { table, now, isOwn } = this.#options;
    if (isOwn(record.id)) return;
    table.putOrigin(record, { expires: now() + shorter(ttl), version }, now());
  }

  /** Reads everything. @returns what the copy has and Redis lacks */
  async readAll(connection: RedisCalls): Promise<Missing> {
    this.#options.metrics.count("srs_proxy_redis_full_reads_total");
    const [origins, streams] = [new Census(), new Census()];
    this.#origins = origins;
    this.#streams = streams;
    try {
      await this.#takeVersion(connection);
      await this.#readKind(connection, this.#originKind(origins));
      await this.#readKind(connection, this.#streamKind(streams));
      return this.#missing(origins, streams);
    } finally {
      this.#origins = undefined;
      this.#streams = undefined;
    }
  }

  /** There is a new connection. */
  beginAnew(): void {
    this.#order.beginAnew();
    this.#options.table.forgetVersions();
  }

  async #takeVersion(connection: RedisCalls): Promise<void> {
    const { remote, table } = this.#options;
    if (this.#order.startReading(await remote.probe(connection))) table.forgetVersions();
  }

  async #readKind(connection: RedisCalls, kind: Kind): Promise<void> {
    const { remote } = this.#options;
    let cursor = "0";
    for (let part = 0; part < MOST_PARTS; part++) {
      const found = await remote.indexPart(connection, kind.index, cursor);
      await this.#readPart(connection, kind, found);
      cursor = found.cursor;
      if (cursor === "0") return;
    }
  }

  async #readPart(connection: RedisCalls, kind: Kind, part: IndexPart): Promise<void> {
    const { remote } = this.#options;
    const records = Array.from(part.names.keys(), (name) => ({ name, key: kind.keyOf(name) }));
    const { version, value } = await remote.values(connection, kind.index, records);
    records.forEach(({ name }, at) => {
      const text = value[at];
      const ttl = Math.min(LONGEST_TTL, part.names.get(name)!);
      if (text === undefined || !(ttl > 0)) return;
      if (kind.census.isOutdated(name, version)) return;
      if (kind.take(name, text, { ttl, version })) kind.census.find(name);
      else remote.countIgnored();
    });
  }

  #originKind(census: Census): Kind {
    const { keys } = this.#options.remote;
    return {
      index: keys.origins,
      census,
      keyOf: (id) => keys.origin(id),
      take: (id, text, { ttl, version }) => {
        const record = parseOrigin(text, id);
        if (record) this.takeOrigin({ record, ttl }, version);
        return record !== undefined;
      },
    };
  }

  #streamKind(census: Census): Kind {
    const { remote } = this.#options;
    const { keys } = remote;
    return {
      index: keys.streams,
      census,
      keyOf: (stream) => keys.stream(stream),
      take: (stream, text, { ttl, version }) => {
        const now = remote.timeAt(this.#options.now()) ?? 0;
        const mapping = parseMapping(text, stream, { now, ttl });
        if (mapping) this.#putMapping(mapping, version);
        return mapping !== undefined;
      },
    };
  }

  #takeMapping(mapping: TimedMapping, version: number): void {
    this.#streams?.tell(mapping.record.stream, version);
    this.#putMapping(mapping, version);
  }

  #putMapping({ record, ttl, liveTtl }: TimedMapping, version: number): void {
    const { table, unwritten } = this.#options;
    const now = this.#options.now();
    const before = table.stream(record.stream, now)?.record;
    if (unwritten.judge(before, record) !== record) return;
    const stamp = { expires: now + shorter(ttl), liveExpires: now + liveTtl, version };
    table.putStream(record, stamp, now);
    if (before && isLive(before) && !isLive(record)) this.#options.onLiveEnd(record.stream);
  }

  #removeMapping(stream: string, version: number): void {
    this.#streams?.tell(stream, version);
    if (!this.#options.unwritten.hasStream(stream)) {
      this.#options.table.removeStream(stream, version);
    }
  }

  #missing(origins: Census, streams: Census): Missing {
    const { table } = this.#options;
    const now = this.#options.now();
    return {
      origins: table.origins(now)
        .filter(({ expiresIn }) => expiresIn !== null && expiresIn > 0)
        .map(({ origin }) => origin.id)
        .filter((id) => origins.isMissing(id)),
      streams: Array.from(table.streams(now), ({ stream }) => stream)
        .filter((stream) => streams.isMissing(stream)),
    };
  }
}

function shorter(ttl: number): number {
  return ttl - Math.min(EARLIER.most, ttl * EARLIER.share);
}
