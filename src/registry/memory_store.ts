// The store of a proxy that works alone: bounded maps. No timer is in here; what has expired
// is not seen any more and goes with the next sweep. No method waits, so each is atomic.

import { ProxyError } from "../core/errors.ts";
import type { PageRequest, StreamPage } from "../core/directory.ts";
import type { Origin } from "../core/origin.ts";
import type { RtcSession } from "../core/ports.ts";
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
}

interface OriginEntry {
  readonly origin: Origin;
  readonly expires: number;
}

interface StreamEntry {
  readonly record: StreamRecord;
  readonly expires: number;
}

const FULL_SWEEP_PAUSE = 1_000;
const DEFAULT_MAX_SESSIONS = 100_000;

/** Records that live in this process and end with it. */
export class MemoryStore implements Store {
  readonly #maxOrigins: number;
  readonly #maxStreams: number;
  readonly #now: () => number;
  readonly #origins = new Map<string, OriginEntry>();
  readonly #streams = new Map<string, StreamEntry>();
  // Streams by origin, registered or not, so that picking one counts nothing.
  readonly #loads = new Map<string, number>();
  readonly #sessions: SessionTable;
  #lastSweep = -Infinity;

  constructor(options: MemoryStoreOptions) {
    this.#maxOrigins = options.maxOrigins;
    this.#maxStreams = options.maxStreams;
    this.#sessions = new SessionTable(options.maxSessions ?? DEFAULT_MAX_SESSIONS);
    this.#now = options.now ?? (() => performance.now());
  }

  putOrigin(origin: Origin, ttl: number): void {
    if (!this.#origins.has(origin.id) && !this.#hasRoomForOrigin()) {
      const limit = this.#maxOrigins;
      throw new ProxyError(
        "overloaded",
        `Cannot register another origin: current value is ${limit}`,
      );
    }
    this.#origins.set(origin.id, { origin, expires: this.#now() + ttl });
  }

  origin(id: string): Origin | undefined {
    const entry = this.#origins.get(id);
    return entry && this.#now() < entry.expires ? entry.origin : undefined;
  }

  origins(): readonly OriginRecord[] {
    const now = this.#now();
    const records: OriginRecord[] = [];
    for (const { origin, expires } of this.#origins.values()) {
      if (now >= expires) continue;
      const streams = this.#loads.get(origin.id) ?? 0;
      records.push({ origin, streams, expiresIn: expires === Infinity ? null : expires - now });
    }
    return records;
  }

  stream(stream: string): StreamRecord | undefined {
    return this.#liveStream(stream);
  }

  claimStream(claim: StreamClaim): StreamRecord {
    const found = this.#liveStream(claim.stream);
    if (!found) return this.#mapStream(claim);
    if (found.confirmed || found.claimant === "" || found.claimant === claim.claimant) return found;
    const common = { ...found, claimant: "" };
    this.#writeStream(common, claim.ttl);
    return common;
  }

  moveStream(move: StreamMove): StreamRecord {
    const found = this.#liveStream(move.stream);
    return found && found.origin !== move.from ? found : this.#mapStream(move);
  }

  renewStreams(leases: readonly StreamLease[]): void {
    for (const { stream, origin, claimant, confirmed, ttl } of leases) {
      const found = this.#liveStream(stream);
      if (!found) {
        // There may be no room: the stream then runs on and its next request picks afresh.
        if (this.#hasRoomForStream()) {
          this.#writeStream({ stream, origin, claimant, confirmed }, ttl);
        }
      } else if (found.origin === origin) {
        this.#writeStream(confirmed && !found.confirmed ? { ...found, confirmed } : found, ttl);
      }
    }
  }

  forgetStream({ stream, origin, claimant }: ForgottenStream): void {
    const found = this.#streams.get(stream)?.record;
    if (found?.origin !== origin || found.claimant !== claimant || found.confirmed) return;
    this.#removeStream(found);
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
    const start = Number(page.after ?? 0);
    if (!Number.isSafeInteger(start) || start < 0) {
      throw new ProxyError("bad_request", `Cannot continue a list: current value is ${page.after}`);
    }
    const now = this.#now();
    const records: StreamRecord[] = [];
    let position = 0;
    for (const { record, expires } of this.#streams.values()) {
      if (records.length >= page.limit) return { streams: records, next: String(position) };
      if (position++ >= start && now < expires) records.push(record);
    }
    return { streams: records, next: undefined };
  }

  sweep(): StoreSize {
    this.#dropExpired();
    return { origins: this.#origins.size, streams: this.#streams.size };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#origins.clear();
    this.#streams.clear();
    this.#loads.clear();
    this.#sessions.clear();
    return Promise.resolve();
  }

  #liveStream(stream: string): StreamRecord | undefined {
    const entry = this.#streams.get(stream);
    return entry && this.#now() < entry.expires ? entry.record : undefined;
  }

  #mapStream({ stream, origin, claimant, ttl }: StreamClaim): StreamRecord {
    if (!this.#streams.has(stream) && !this.#hasRoomForStream()) {
      const limit = this.#maxStreams;
      throw new ProxyError("overloaded", `Cannot serve another stream: current value is ${limit}`);
    }
    // The life of the old mapping has no part in the new one.
    this.#removeStream({ stream });
    const record = { stream, origin, claimant, confirmed: false };
    this.#writeStream(record, ttl);
    return record;
  }

  #hasRoomForOrigin(): boolean {
    if (this.#origins.size >= this.#maxOrigins) this.#sweepSometimes();
    return this.#origins.size < this.#maxOrigins;
  }

  #hasRoomForStream(): boolean {
    if (this.#streams.size >= this.#maxStreams) this.#sweepSometimes();
    return this.#streams.size < this.#maxStreams;
  }

  /** Writes a record that lives at least `ttl`, and as long as the one it replaces. */
  #writeStream(record: StreamRecord, ttl: number): void {
    const before = this.#streams.get(record.stream);
    const expires = Math.max(this.#now() + ttl, before?.expires ?? 0);
    if (before) this.#addLoad(before.record.origin, -1);
    this.#addLoad(record.origin, 1);
    this.#streams.set(record.stream, { record, expires });
  }

  #removeStream({ stream }: { readonly stream: string }): void {
    const entry = this.#streams.get(stream);
    if (!entry) return;
    this.#streams.delete(stream);
    this.#addLoad(entry.record.origin, -1);
  }

  #addLoad(origin: string, by: number): void {
    const load = (this.#loads.get(origin) ?? 0) + by;
    if (load > 0) this.#loads.set(origin, load);
    else this.#loads.delete(origin);
  }

  /** While it is full every newcomer asks for this, and most must not pay for it. */
  #sweepSometimes(): void {
    if (this.#now() - this.#lastSweep >= FULL_SWEEP_PAUSE) this.#dropExpired();
  }

  #dropExpired(): void {
    const now = this.#now();
    this.#lastSweep = now;
    for (const [id, { expires }] of this.#origins) {
      if (now >= expires) this.#origins.delete(id);
    }
    for (const { record, expires } of this.#streams.values()) {
      if (now >= expires) this.#removeStream(record);
    }
    this.#sessions.expire(now);
  }
}
