// The WebRTC sessions of all proxies: our own are known; others are looked up on request and remembered
// for a while, as is the absence of a session. Media packets trigger lookups, and anybody may send those,
// so the rate at which Redis is asked about unknown users is limited, whatever their names.

import { ExpiringMap } from "../../core/expiring_map.ts";
import { ProxyError } from "../../core/errors.ts";
import type { RtcSession } from "../../core/contracts.ts";
import { TokenBucket } from "../../core/token_bucket.ts";
import { SessionTable } from "../session_table.ts";
import { Batcher } from "./batcher.ts";
import type { Gate } from "./gate.ts";
import type { RedisCalls } from "./calls.ts";
import type { Remote, Timed } from "./remote.ts";

export interface SessionBookOptions {
  readonly remote: Remote;
  readonly gate: Gate;
  readonly maxSessions: number;
  readonly now: () => number;
  /** Milliseconds to wait for Redis. */
  readonly wait: number;
}

/** How long it is remembered that there is no session. */
const UNKNOWN = { ttl: 2_000, capacity: 10_000 };
const ENDED_ALONE = { ttl: 60_000, capacity: 10_000 };
/** Limits lookups in Redis: how many per second, and how many at once after a pause. */
const LOOKUPS = { rate: 500, burst: 1_000 };
const BATCH = 100;

export class SessionBook {
  readonly #options: SessionBookOptions;
  readonly #own: SessionTable;
  readonly #others: SessionTable;
  #unknown = new ExpiringMap<string, true>(UNKNOWN);
  /** Our sessions that Redis may lack. */
  readonly #unwritten = new Set<string>();
  /** Sessions that ended while Redis was away. */
  readonly #ended = new ExpiringMap<string, true>(ENDED_ALONE);
  readonly #lookups = new Map<string, Promise<RtcSession | undefined>>();
  readonly #changed = new Set<string>();
  readonly #questions: Batcher<string, Timed<RtcSession> | undefined>;
  readonly #allowance = new TokenBucket(LOOKUPS);

  constructor(options: SessionBookOptions) {
    this.#options = options;
    this.#own = new SessionTable(options.maxSessions);
    this.#others = new SessionTable(options.maxSessions);
    this.#questions = new Batcher((connection, users) => {
      return options.remote.sessions(connection, users);
    });
  }

  /** @throws ProxyError `overloaded` */
  async put(session: RtcSession, ttl: number): Promise<void> {
    const { remote, gate, wait, now } = this.#options;
    const answer = await gate.ask(wait, (connection) => {
      return remote.putSession(connection, { record: session, ttl }, "news");
    });
    const hasRoom = answer?.value !== false && this.#own.put(session, ttl, now());
    if (!hasRoom) {
      const limit = this.#options.maxSessions;
      throw new ProxyError("overloaded", `Cannot serve another session: the limit is ${limit}`);
    }
    const { user } = session;
    if (this.#lookups.has(user)) this.#changed.add(user);
    this.#ended.delete(user, now());
    this.#others.delete(user);
    this.#unknown.delete(user, now());
    if (answer) this.#unwritten.delete(user);
    else this.#unwritten.add(user);
  }

  /** @throws ProxyError `registry_unavailable` when that cannot be found out */
  async find(user: string): Promise<RtcSession | undefined> {
    const now = this.#options.now();
    const known = this.#own.get(user, now) ?? this.#others.get(user, now);
    if (known) return known;
    if (this.#unknown.get(user, now) || this.#ended.get(user, now)) return undefined;
    const underWay = this.#lookups.get(user);
    if (underWay) return await underWay;
    if (!this.#allowance.take(now)) throw cannotTell();
    const lookup = this.#lookUp(user).finally(() => this.#lookups.delete(user));
    this.#lookups.set(user, lookup);
    return await lookup;
  }

  async end(user: string): Promise<void> {
    const { remote, gate, wait, now } = this.#options;
    this.#own.delete(user);
    this.#others.delete(user);
    this.#unwritten.delete(user);
    const answer = await gate.ask(wait, async (connection) => {
      await remote.endSession(connection, user);
      return true;
    });
    if (!answer) this.#ended.set(user, true, now());
  }

  /** Redis reports that somebody has put or ended a session. */
  changed({ user, by }: { readonly user: string; readonly by: string }): void {
    if (by === this.#options.remote.writer) return;
    this.#own.delete(user);
    this.#unwritten.delete(user);
    this.#others.delete(user);
    this.#unknown.delete(user, this.#options.now());
    if (this.#lookups.has(user)) this.#changed.add(user);
  }

  /** Messages may have been lost. */
  forgetOthers(): void {
    this.#others.clear();
    this.#unknown = new ExpiringMap(UNKNOWN);
    for (const user of this.#lookups.keys()) this.#changed.add(user);
  }

  /** Redis may have lost what was written. */
  distrust(): void {
    for (const user of this.#own.users(this.#options.now())) this.#unwritten.add(user);
  }

  /** Writes what Redis lacks, and ends what has ended; fails as the connection does. */
  async settle(connection: RedisCalls): Promise<void> {
    const { remote, now } = this.#options;
    for (const users of batches(Array.from(this.#ended.entries(now()), ([user]) => user))) {
      await Promise.all(users.map((user) => remote.endSession(connection, user)));
      for (const user of users) this.#ended.delete(user, now());
    }
    for (const users of batches([...this.#unwritten])) {
      await Promise.all(users.map((user) => this.#write(connection, user)));
      for (const user of users) this.#unwritten.delete(user);
    }
  }

  /** Removes expired entries. */
  sweep(): void {
    const now = this.#options.now();
    this.#own.expire(now);
    this.#others.expire(now);
    this.#unknown.expire(now);
    this.#ended.expire(now);
    for (const user of this.#unwritten) {
      if (!this.#own.get(user, now)) this.#unwritten.delete(user);
    }
  }

  async #write(connection: RedisCalls, user: string): Promise<void> {
    const { remote, now } = this.#options;
    const record = this.#own.get(user, now());
    const ttl = this.#own.timeLeft(user, now());
    if (record) await remote.putSession(connection, { record, ttl }, "settle");
  }

  async #lookUp(user: string): Promise<RtcSession | undefined> {
    const { gate, wait, now } = this.#options;
    const answer = await gate.ask(wait, async (connection) => {
      return { found: await this.#questions.submit(connection, user) };
    });
    const hasChanged = this.#changed.delete(user);
    if (!answer) throw cannotTell();
    const { found } = answer;
    // The session has changed since Redis was asked: do not remember the answer.
    if (hasChanged) return found?.record;
    if (found) this.#others.put(found.record, found.ttl, now());
    else this.#unknown.set(user, true, now());
    return found?.record;
  }
}

function* batches(users: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < users.length; at += BATCH) yield users.slice(at, at + BATCH);
}

function cannotTell(): ProxyError {
  return new ProxyError("registry_unavailable", "Cannot tell where this session is at the moment");
}
