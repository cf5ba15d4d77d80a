// Brings this proxy and Redis to the same state: after connecting, after an outage, after lost messages, and
// periodically. The gate is opened only when each knows what the other knows. Decides nothing about origins
// and streams.

import { ErrorReply } from "@redis/client";
import type { RecordTable } from "../record_table.ts";
import type { RedisCalls } from "./calls.ts";
import type { Follower } from "./follower.ts";
import type { Gate } from "./gate.ts";
import type { Remote } from "./remote.ts";
import type { SessionBook } from "./session_book.ts";
import type { Batcher } from "./batcher.ts";
import type { MappingResult } from "./records.ts";
import type { Untold, Unwritten } from "./unwritten.ts";
import { type StreamOperation, toSettle } from "./stream_operations.ts";

export interface UpkeepOptions {
  readonly table: RecordTable;
  readonly gate: Gate;
  readonly follower: Follower;
  readonly remote: Remote;
  readonly queue: Batcher<StreamOperation, MappingResult>;
  readonly unwritten: Unwritten;
  readonly sessions: SessionBook;
  readonly now: () => number;
  /** Returns numbers from 0 up to but not including 1. */
  readonly random: () => number;
}

/** After an outage, milliseconds for the other proxies to write what they have received meanwhile. */
const GRACE = 10_000;
const BATCH = 64;
const PROBE_PERIOD = 1_000;
const PROBE_WAIT = 500;
/** Milliseconds between full readings when nothing seems to be missing. */
const READ_PERIOD = 5 * 60_000;
const READ_PAUSE = 1_000;

/** Does one thing at a time; only `connected` and `settle` may fail. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #work: Promise<void> | undefined;
  /** How often messages were lost in all, and up to the last full reading. */
  #gaps = 0;
  #gapsRead = 0;
  #probedAt = -Infinity;
  #readAt = -Infinity;
  /** The change number seen by the last probe; messages must have reached it by the next one. */
  #expected = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** There is a new connection; fails if it is unusable. */
  async connected(connection: RedisCalls): Promise<void> {
    await this.idle();
    this.#options.follower.beginAnew();
    await this.#doAlone(async () => {
      await this.#read(connection);
      await this.#settle(connection);
      this.#open();
    });
  }

  /** Messages were lost. */
  gap(): void {
    this.#gaps++;
  }

  /** Called several times a second with the current connection. */
  tick(connection: RedisCalls): void {
    if (this.#work) return;
    const { gate } = this.#options;
    this.#doAlone(() => gate.isOpen ? this.#keepUp(connection) : this.#recover(connection))
      .catch((error: unknown) => this.#failed(connection, error));
  }

  /** Resolves when no work is in progress. */
  async idle(): Promise<void> {
    await this.#work?.catch(() => {});
  }

  /** Writes everything that Redis lacks; fails as the connection does. */
  async settle(connection: RedisCalls): Promise<void> {
    await this.idle();
    await this.#settle(connection);
  }

  #doAlone(work: () => Promise<void>): Promise<void> {
    const done = work().finally(() => {
      this.#work = undefined;
    });
    this.#work = done;
    return done;
  }

  /** Redis answered too late, but the connection is alive. */
  async #recover(connection: RedisCalls): Promise<void> {
    this.#expected = await this.#options.remote.probe(connection);
    if (this.#gaps !== this.#gapsRead) await this.#read(connection);
    await this.#settle(connection);
    this.#open();
  }

  async #keepUp(connection: RedisCalls): Promise<void> {
    const { gate, remote, follower, now } = this.#options;
    if (now() - this.#probedAt >= PROBE_PERIOD) {
      this.#probedAt = now();
      const known = Math.max(follower.version, this.#expected);
      const version = await gate.ask(PROBE_WAIT, () => remote.probe(connection));
      if (version === undefined) return;
      // A number that went back means that Redis was emptied or is another one.
      const isBehind = follower.version < this.#expected || version < known;
      this.#expected = version;
      if (isBehind) this.gap();
    }
    const pause = this.#gaps === this.#gapsRead ? READ_PERIOD : READ_PAUSE;
    if (now() - this.#readAt >= pause) await this.#read(connection);
    await this.#settle(connection);
  }

  async #read(connection: RedisCalls): Promise<void> {
    const { follower, sessions, unwritten, now, random } = this.#options;
    const gaps = this.#gaps;
    const { origins, streams } = await follower.readAll(connection);
    this.#gapsRead = gaps;
    this.#expected = follower.version;
    // Keeps proxies from reading at the same moment.
    this.#readAt = now() - READ_PERIOD * 0.2 * random();
    for (const id of origins) unwritten.addOrigin(id);
    for (const stream of streams) unwritten.addStream(stream);
    sessions.distrust();
    sessions.forgetOthers();
  }

  async #settle(connection: RedisCalls): Promise<void> {
    const { sessions, unwritten } = this.#options;
    do {
      await sessions.settle(connection);
      await this.#writeOrigins(connection, unwritten.takeOrigins(BATCH));
      await this.#writeStreams(connection, unwritten.takeStreams(BATCH));
    } while (unwritten.size > 0);
  }

  async #writeOrigins(connection: RedisCalls, ids: readonly string[]): Promise<void> {
    const { table, remote, follower, unwritten, now } = this.#options;
    try {
      await Promise.all(ids.map(async (id) => {
        const record = table.origin(id, now());
        const ttl = table.originTimeLeft(id, now()) ?? 0;
        if (!record || ttl <= 0 || ttl === Infinity) return;
        const { version } = await remote.putOrigin(connection, { record, ttl }, "settle");
        if (version > follower.version) follower.takeOrigin({ record, ttl }, version);
      }));
    } catch (error) {
      for (const id of ids) unwritten.addOrigin(id);
      throw error;
    }
  }

  async #writeStreams(
    connection: RedisCalls,
    streams: readonly (readonly [string, Untold])[],
  ): Promise<void> {
    const { table, queue, unwritten, now } = this.#options;
    try {
      await Promise.all(streams.map(async ([stream, untold]) => {
        const found = table.stream(stream, now());
        if (!found || found.left <= 0) return;
        const liveLeft = table.liveTimeLeft(stream, now());
        await queue.submit(connection, toSettle(found, liveLeft, untold));
      }));
    } catch (error) {
      for (const [stream, untold] of streams) unwritten.restoreStream(stream, untold);
      throw error;
    }
  }

  #open(): void {
    const { gate, table, now } = this.#options;
    table.thaw(now(), GRACE);
    gate.open();
  }

  #failed(connection: RedisCalls, error: unknown): void {
    this.#options.gate.shut(error);
    // A server that answers with errors may no longer be the one to write to.
    if (error instanceof ErrorReply) connection.close(error);
  }
}
