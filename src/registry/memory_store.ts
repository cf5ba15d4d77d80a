// The store of a proxy that works alone: bounded maps. No timer is in here; what has expired is not
// seen any more and goes with the next sweep. No method waits, so each is atomic.

import { ProxyError } from "../core/errors.ts";
import type { PageRequest, StreamPage } from "../core/directory.ts";
import type { Origin } from "../core/origin.ts";
import type { RtcSession } from "../core/ports.ts";
import { claimed, isForgotten, moved, renewed } from "./mapping_rules.ts";
import { RecordTable } from "./record_table.ts";
import { SessionTable } from "./session_table.ts";
import type {
  ForgottenStream,
  OriginRecord,
  Store,
  StoreSize,
  StreamClaim,
  StreamLease,
  StreamMove,
  StreamRecord,
} from "./store.ts";

/** Bounds and clock of a memory store. */
export interface MemoryStoreOptions {
  readonly maxOrigins: number;
  readonly maxStreams: number;
  /** WebRTC sessions; 100,000 unless told. */
  readonly maxSessions?: number;
  /** Milliseconds from any start, never backwards; the process's own clock unless given. */
  readonly now?: () => number;
  /** Where origins and streams are kept; a table of its own unless given. */
  readonly table?: RecordTable;
}

const DEFAULT_MAX_SESSIONS = 100_000;

/** Records that live in this process and end with it. */
export class MemoryStore implements Store {
  readonly trouble = undefined;
  readonly #options: MemoryStoreOptions;
  readonly #now: () => number;
  readonly #table: RecordTable;
  readonly #sessions: SessionTable;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#table = options.table ?? new RecordTable(options);
    this.#sessions = new SessionTable(options.maxSessions ?? DEFAULT_MAX_SESSIONS);
  }

  putOrigin(origin: Origin, ttl: number): void {
    const now = this.#now();
    if (this.#table.putOrigin(origin, { expires: now + ttl }, now)) return;
    const limit = this.#options.maxOrigins;
    throw new ProxyError("overloaded", `Cannot register another origin: current value is ${limit}`);
  }

  origin(id: string): Origin | undefined {
    return this.#table.origin(id, this.#now());
  }

  origins(): readonly OriginRecord[] {
    return this.#table.origins(this.#now());
  }

  stream(stream: string): StreamRecord | undefined {
    return this.#table.stream(stream, this.#now());
  }

  claimStream(claim: StreamClaim): StreamRecord {
    const found = this.stream(claim.stream);
    const record = claimed(found, claim);
    if (record !== found) this.#require(this.#write(record, this.#longer(claim)));
    return record;
  }

  moveStream(move: StreamMove): StreamRecord {
    const found = this.stream(move.stream);
    const record = moved(found, move);
    // The life of the old mapping has no part in the new one.
    if (record !== found) this.#require(this.#write(record, this.#now() + move.ttl));
    return record;
  }

  renewStreams(leases: readonly StreamLease[]): void {
    for (const lease of leases) {
      const record = renewed(this.stream(lease.stream), lease);
      // There may be no room: the stream then runs on and its next request picks afresh.
      if (record) this.#write(record, this.#longer(lease));
    }
  }

  forgetStream(forgotten: ForgottenStream): void {
    const found = this.stream(forgotten.stream);
    if (found && isForgotten(found, forgotten)) this.#table.removeStream(forgotten.stream);
  }

  putSession(session: RtcSession, ttl: number): void {
    if (this.#sessions.put(session, ttl, this.#now())) return;
    const size = this.#sessions.size;
    throw new ProxyError("overloaded", `Cannot serve another session: current value is ${size}`);
  }

  session(user: string): RtcSession | undefined {
    return this.#sessions.get(user, this.#now());
  }

  endSession(user: string): void {
    this.#sessions.delete(user);
  }

  streams(page: PageRequest): StreamPage {
    return this.#table.page(page, this.#now());
  }

  sweep(): StoreSize {
    const now = this.#now();
    this.#sessions.expire(now);
    return this.#table.sweep(now);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#table.clear();
    this.#sessions.clear();
    return Promise.resolve();
  }

  /** When a mapping expires that lives `ttl` from now, and no less than it would have done. */
  #longer({ stream, ttl }: { readonly stream: string; readonly ttl: number }): number {
    const now = this.#now();
    return now + Math.max(ttl, this.#table.streamTimeLeft(stream, now) ?? 0);
  }

  #write(record: StreamRecord, expires: number): boolean {
    return this.#table.putStream(record, { expires }, this.#now());
  }

  #require(hasRoom: boolean): void {
    if (hasRoom) return;
    const limit = this.#options.maxStreams;
    throw new ProxyError("overloaded", `Cannot serve another stream: current value is ${limit}`);
  }
}
