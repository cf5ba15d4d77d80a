// Everything that can be asked of Redis, in the store's terms: builds the calls of the scripts and parses
// their replies. Knows no deadline, no retry and no copy; every method fails as its connection does.

import { ProxyError } from "../../core/errors.ts";
import type { Origin, OriginChange } from "../../core/origin.ts";
import type { Metrics, RtcSession } from "../../core/contracts.ts";
import type { RedisCalls, Reply } from "./calls.ts";
import type { Keys } from "./keys.ts";
import {
  type MappingResult,
  parseOrigin,
  parseResults,
  parseSession,
  type Word,
} from "./records.ts";
import { GET_SOME, PAGE, PLACES, PROBE, PUT, REMOVE, type Script, SETTINGS } from "./scripts.ts";
import { STREAMS } from "./stream_script.ts";
import type { StreamOperation } from "./stream_operations.ts";

/** How many of each kind Redis may hold. */
export interface RemoteLimits {
  readonly maxOrigins: number;
  readonly maxStreams: number;
  readonly maxSessions: number;
}

/** A reply, and the number of the last change that it includes. */
export interface Versioned<T> {
  readonly version: number;
  readonly value: T;
}

/** A record, with its remaining life in milliseconds. */
export interface Timed<T> {
  readonly record: T;
  readonly ttl: number;
}

/** Part of the names in an index, each with its remaining life in milliseconds. */
export interface IndexPart {
  /** Where the next part begins; "0" after the last one. */
  readonly cursor: string;
  readonly names: ReadonlyMap<string, number>;
}

/** How a record is put: as news from a heartbeat, or as what is left of an older one. */
export type PutMode = "news" | "settle";

interface Header {
  readonly version: number;
  readonly rest: readonly Reply[];
}

const PART = 500;
/** Milliseconds for which a proxy's announcement counts. */
const PLACE_TTL = 30_000;
const MOST_PLACES = 1_000;
const COUNTS_TTL = 15_000;

export class Remote {
  readonly keys: Keys;
  /** This writer's name, which no other process has. */
  readonly writer = crypto.randomUUID();
  readonly #limits: RemoteLimits;
  readonly #metrics: Metrics;
  readonly #now: () => number;
  #clockOffset: number | undefined;

  /** @param options `now` is this process's clock in milliseconds, never going backwards */
  constructor(options: {
    readonly keys: Keys;
    readonly limits: RemoteLimits;
    readonly metrics: Metrics;
    readonly now: () => number;
  }) {
    this.keys = options.keys;
    this.#limits = options.limits;
    this.#metrics = options.metrics;
    this.#now = options.now;
  }

  /** Redis's time at a moment of our clock, as far as its replies have shown it. */
  timeAt(moment: number): number | undefined {
    return this.#clockOffset === undefined ? undefined : Math.round(moment + this.#clockOffset);
  }

  /** Writes something, and fails unless Redis accepts it. @returns the number of the last change */
  async probe(connection: RedisCalls): Promise<number> {
    const keys = [this.keys.probe, this.keys.version];
    return (await this.#run(connection, PROBE, keys, [])).version;
  }

  /** @returns whether there was room */
  putOrigin(
    connection: RedisCalls,
    { record: origin, ttl }: Timed<Origin>,
    mode: PutMode,
  ): Promise<Versioned<boolean>> {
    const { keys } = this;
    const names = [keys.origin(origin.id), keys.origins, keys.version];
    const what = [String(this.#limits.maxOrigins), "origin", origin.id, JSON.stringify(origin)];
    return this.#put(connection, names, [...what, wholeOf(ttl), mode]);
  }

  /** @returns whether there was room */
  putSession(
    connection: RedisCalls,
    { record: session, ttl }: Timed<RtcSession>,
    mode: PutMode,
  ): Promise<Versioned<boolean>> {
    const { keys } = this;
    const names = [keys.session(session.user), keys.sessions, keys.version];
    const limit = String(this.#limits.maxSessions);
    const what = [limit, "session", session.user, JSON.stringify(session)];
    return this.#put(connection, names, [...what, wholeOf(ttl), mode]);
  }

  async endSession(connection: RedisCalls, user: string): Promise<void> {
    const { keys } = this;
    const names = [keys.session(user), keys.sessions, keys.version];
    await this.#run(connection, REMOVE, names, [keys.channel, user, this.writer]);
  }

  async origin(
    connection: RedisCalls,
    id: string,
  ): Promise<Versioned<Timed<Origin> | undefined>> {
    const { version, value } = await this.#get(connection, [this.keys.origin(id)], (text) => {
      return parseOrigin(text, id);
    });
    return { version, value: value[0] };
  }

  /** The sessions of these users; undefined for each one that does not exist. */
  async sessions(
    connection: RedisCalls,
    users: readonly string[],
  ): Promise<readonly (Timed<RtcSession> | undefined)[]> {
    const keys = users.map((user) => this.keys.session(user));
    const { value } = await this.#get(connection, keys, (text, at) => {
      return parseSession(text, users[at]!);
    });
    return value;
  }

  /** One part of an index. A name that exists throughout is in some part, perhaps in two. */
  async indexPart(
    connection: RedisCalls,
    index: string,
    cursor: string,
  ): Promise<IndexPart> {
    const [next, fields] = listOf(
      await this.#scan(connection, [index, cursor, "COUNT", String(PART)]),
    );
    const now = this.timeAt(this.#now()) ?? 0;
    const names = new Map<string, number>();
    const list = listOf(fields);
    for (let at = 0; at + 1 < list.length; at += 2) {
      names.set(String(list[at]), Math.max(0, Number(list[at + 1]) - now));
    }
    return { cursor: String(next), names };
  }

  /** The values of records; undefined for each one that does not exist. */
  async values(
    connection: RedisCalls,
    index: string,
    records: readonly { readonly name: string; readonly key: string }[],
  ): Promise<Versioned<readonly (string | undefined)[]>> {
    if (records.length === 0) return { version: 0, value: [] };
    const keys = [index, this.keys.version, ...records.map(({ key }) => key)];
    const names = records.map(({ name }) => name);
    const { version, rest } = await this.#run(connection, PAGE, keys, names);
    const values = listOf(rest[0]);
    return {
      version,
      value: records.map((_, at) => {
        const value = values[at];
        return typeof value === "string" ? value : undefined;
      }),
    };
  }

  /** Carries out these operations in order, in one step. */
  async streams(
    connection: RedisCalls,
    operations: readonly StreamOperation[],
  ): Promise<Versioned<readonly MappingResult[]>> {
    const { keys } = this;
    const names = operations.map(({ stream }) => stream);
    const { version, rest } = await this.#run(
      connection,
      STREAMS,
      [keys.streams, keys.version, ...names.map((name) => keys.stream(name))],
      [
        ...[keys.channel, String(this.#limits.maxStreams), keys.stream("")],
        ...operations.map((operation) => JSON.stringify(wholeTtl(operation))),
      ],
    );
    const results = typeof rest[0] === "string" ? parseResults(rest[0], names) : undefined;
    if (results === undefined) throw strange(rest);
    return { version, value: results };
  }

  /** Announces where this proxy listens. @returns the announcements of all proxies */
  async exchangePlaces(connection: RedisCalls, place: string): Promise<readonly string[]> {
    const keys = [this.keys.proxies, this.keys.version];
    const args = [place, String(PLACE_TTL), String(MOST_PLACES)];
    const { rest } = await this.#run(connection, PLACES, keys, args);
    return listOf(rest[0]).filter((each) => typeof each === "string");
  }

  /** The settings of all origins, as JSON. */
  settings(connection: RedisCalls): Promise<string> {
    return this.#settings(connection, []);
  }

  /** Changes the settings of an origin. @returns all settings, or `full` */
  changeSettings(
    connection: RedisCalls,
    id: string,
    change: OriginChange | "forget",
  ): Promise<string> {
    return this.#settings(connection, [id, change === "forget" ? change : storedChange(change)]);
  }

  /** Reports the sessions of this process; the report holds for 15 s. */
  async tellCounts(connection: RedisCalls, text: string): Promise<void> {
    const life = ["PX", String(COUNTS_TTL)];
    await connection.command("SET", this.keys.counts(this.writer), text, ...life);
  }

  /** The reports of these processes, without those that have reported nothing lately. */
  async counts(connection: RedisCalls, writers: readonly string[]): Promise<readonly string[]> {
    if (writers.length === 0) return [];
    const keys = writers.map((writer) => this.keys.counts(writer));
    const replies = listOf(await connection.command("MGET", ...keys));
    return replies.filter((each) => typeof each === "string");
  }

  /** Sends the other processes a message that reports no change of stored records. */
  async tell(connection: RedisCalls, word: Word): Promise<void> {
    await connection.command("PUBLISH", this.keys.channel, this.#messageOf(word));
  }

  async #settings(connection: RedisCalls, change: readonly string[]): Promise<string> {
    const { keys } = this;
    const message = this.#messageOf({ kind: "settings" });
    const args = [String(this.#limits.maxOrigins), keys.channel, message, ...change];
    const { rest } = await this.#run(connection, SETTINGS, [keys.settings, keys.version], args);
    if (typeof rest[0] !== "string") throw strange(rest);
    return rest[0];
  }

  #messageOf(word: Word): string {
    const { writer: by } = this;
    if (word.kind === "suspect") return JSON.stringify({ suspect: word.origin, by });
    if (word.kind === "settings") return JSON.stringify({ settings: true, by });
    return JSON.stringify({ end_stream: word.stream, by });
  }

  /** Counts values in Redis that no proxy can have written and that were ignored. */
  countIgnored(by = 1): void {
    if (by > 0) this.#metrics.count("srs_proxy_redis_ignored_values_total", {}, by);
  }

  async #put(
    connection: RedisCalls,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<Versioned<boolean>> {
    const all = [this.keys.channel, ...args, this.writer];
    const { version, rest } = await this.#run(connection, PUT, keys, all);
    return { version, value: rest[0] !== "full" };
  }

  async #get<T>(
    connection: RedisCalls,
    keys: readonly string[],
    parse: (text: string, at: number) => T | undefined,
  ): Promise<Versioned<readonly (Timed<T> | undefined)[]>> {
    const all = [this.keys.version, ...keys];
    const { version, rest } = await this.#run(connection, GET_SOME, all, []);
    const [values, lives] = rest.map(listOf);
    const value = keys.map((_, at) => {
      const [text, ttl] = [values?.[at], lives?.[at]];
      if (typeof text !== "string") return undefined;
      const record = parse(text, at);
      if (record === undefined) this.countIgnored();
      return record !== undefined && typeof ttl === "number" && ttl > 0
        ? { record, ttl }
        : undefined;
    });
    return { version, value };
  }

  async #scan(connection: RedisCalls, args: readonly string[]): Promise<Reply> {
    try {
      return await connection.command("ZSCAN", ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("WRONGTYPE"))) throw error;
      // Somebody has put something else there; the next write makes it an index again.
      this.countIgnored();
      return ["0", []];
    }
  }

  async #run(
    connection: RedisCalls,
    script: Script,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<Header> {
    const sentAt = this.#now();
    const reply = await connection.run(script, keys, args);
    const [time, version, garbage, ...rest] = listOf(reply);
    if (typeof time !== "number" || typeof version !== "string") throw strange(reply);
    this.#learnTime(time, sentAt);
    this.countIgnored(Number(garbage));
    return { version: versionOf(version), rest };
  }

  /** Redis's clock showed `time` at some moment since `sentAt`: this limits the offset between the clocks. */
  #learnTime(time: number, sentAt: number): void {
    const [least, most] = [time - this.#now(), time - sentAt];
    const known = this.#clockOffset ?? -Infinity;
    this.#clockOffset = known >= least && known <= most ? known : least;
  }
}

function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function versionOf(text: Reply | undefined): number {
  const version = Number(text);
  return Number.isSafeInteger(version) ? version : 0;
}

/** Redis takes whole milliseconds, at least one. */
function wholeOf(milliseconds: number): string {
  return String(Math.max(1, Math.ceil(milliseconds)));
}

function wholeTtl(operation: StreamOperation): StreamOperation {
  const { ttl, liveTtl } = operation;
  return {
    ...operation,
    ttl: Math.max(1, Math.ceil(ttl)),
    liveTtl: Math.max(0, Math.ceil(liveTtl)),
  };
}

/** Lists are stored as text, since an empty Lua table may be a list or an object. */
function storedChange({ draining, weight, labels }: OriginChange): string {
  return JSON.stringify({
    draining: draining === undefined ? undefined : Number(draining),
    weight,
    // A label cannot be "*".
    labels: labels === null ? "*" : labels?.join(","),
  });
}

function strange(reply: Reply): ProxyError {
  return new ProxyError("registry_unavailable", "Cannot understand Redis's answer", {
    cause: new Error(JSON.stringify(reply)?.slice(0, 200)),
  });
}
