// Where the registry keeps its records: what a store must do, and nothing about how. Every record is plain
// JSON with a time to live. The clock is the store's, so that several proxies on one store agree on what
// has expired; callers only give durations, in milliseconds.

import type { ChangeCounts } from "../core/change_counts.ts";
import type { StreamPageRequest } from "../core/registrar.ts";
import type { ProxyPlace, SessionCounts } from "../core/fleet.ts";
import type { Origin, OriginChange, OriginSettings } from "../core/origin.ts";
import type { RtcSession } from "../core/contracts.ts";

/** A registered origin with its load. */
export interface OriginRecord {
  readonly origin: Origin;
  /** Number of streams mapped to it. */
  readonly streams: number;
  /** Milliseconds until it expires; null if it does not. */
  readonly expiresIn: number | null;
  /** Absent if it has the default settings. */
  readonly settings?: OriginSettings | undefined;
}

/** The mapping of one stream to the origin that owns it. */
export interface StreamRecord {
  /** Stream key, `vhost/app/stream`. */
  readonly stream: string;
  /** Id of the origin. */
  readonly origin: string;
  /** Whether the origin has served a session of it. */
  readonly confirmed: boolean;
  /** Id of the registry that wrote an unconfirmed mapping; empty once two of them rely on it. */
  readonly claimant: string;
  /**
   * Id of the registry whose publisher runs there; empty if none is known. If it is not empty the mapping
   * is live, and no request moves it.
   */
  readonly publisher: string;
  /**
   * Rises whenever the stream is given another origin, so that the later of two mappings can be recognized:
   * milliseconds of the store's clock, or one more than the previous mapping's.
   */
  readonly epoch: number;
}

/** A mapping as found in the store. */
export interface FoundStream {
  readonly record: StreamRecord;
  /**
   * Milliseconds until it lapses; 0 or less if it has lapsed and is here only because the other proxies
   * could not be asked. It must be claimed then before anybody relies on it.
   */
  readonly left: number;
}

/** A request to map a stream. */
export interface StreamClaim {
  readonly stream: string;
  /** Id of the origin that the caller has picked. */
  readonly origin: string;
  readonly claimant: string;
  /** Whether a publisher asks. It gets room even where viewers have taken all there is. */
  readonly publishes: boolean;
  /** Life of the mapping unless it is renewed. */
  readonly ttl: number;
  /**
   * The suitable origins, including the picked one; empty if no other would do. A store that cannot reach
   * the other proxies must choose among these by a rule that needs no agreement.
   */
  readonly candidates: readonly OriginRecord[];
  /** Milliseconds that the caller can wait for other proxies; then the store decides alone. */
  readonly wait: number;
}

/** A request to take a stream away from the origin `from`. */
export interface StreamMove extends StreamClaim {
  readonly from: string;
}

/** The statement that a stream is in use at an origin. */
export interface StreamLease {
  readonly stream: string;
  readonly origin: string;
  readonly claimant: string;
  readonly confirmed: boolean;
  /** Epoch of the mapping that the sessions there rely on. */
  readonly epoch: number;
  /** The mapping lives at least this long from now. */
  readonly ttl: number;
  /**
   * `runs` if a publisher of the claimant runs there, `ended` if its last one has ended, `none` if nothing
   * is said about publishers.
   */
  readonly live: "runs" | "ended" | "none";
  /** How long the mapping is live from now if a publisher runs there. */
  readonly liveTtl: number;
}

/** What must still be true for a mapping to be forgotten. */
export interface ForgottenStream {
  readonly stream: string;
  readonly origin: string;
  readonly claimant: string;
  /** Whether it must be gone before the next statement about the stream; otherwise it may stay a while. */
  readonly isUrgent: boolean;
}

/** A result available at once, as from memory, or later, as over a network. */
export type Answer<T> = T | Promise<T>;

export interface ListedStream extends StreamRecord {
  /** Milliseconds since it first appeared here, whatever has happened to it since. */
  readonly knownFor: number;
}

/** One page of mappings; `next` is where the next one begins, undefined on the last. */
export interface StreamRecordPage {
  readonly streams: readonly ListedStream[];
  readonly next: string | undefined;
  /** Number of mappings on all pages. */
  readonly total: number;
}

/** What proxies know of each other. */
export interface Fleet {
  /** Where the other proxies listen, as far as they have announced it; the same list while nothing changes. */
  readonly others: readonly ProxyPlace[];
  /** Whether this proxy, among those that know of each other, is the one to look after an origin. */
  isOurs(origin: string): boolean;
  /** Reports this proxy's sessions to the others, if they can be reached; holds for 15 s. */
  tellSessions(counts: SessionCounts): Answer<void>;
  /** The sessions that the other proxies have reported, as far as they can be asked now. */
  otherSessions(): Answer<readonly SessionCounts[]>;
  /** Tells the other proxies from now on where this one listens. */
  announce(place: ProxyPlace): void;
}

export interface StoreSize {
  readonly origins: number;
  readonly streams: number;
}

/**
 * Keeps origins, the mappings of streams to them, and WebRTC sessions. Each method is atomic: of any number
 * of concurrent calls, from any number of proxies, each sees all of another or nothing of it.
 *
 * Any method may throw ProxyError `registry_unavailable`, after a bounded time.
 */
export interface Store extends AsyncDisposable {
  /**
   * Why the store cannot reach the other proxies and answers from what it knows; undefined if it can reach
   * them.
   */
  readonly trouble: string | undefined;
  /** Called for each origin that another proxy has come to suspect. */
  onSuspect: (origin: string) => void;
  /** Called for each stream that another proxy has reported to be no longer live. */
  onLiveEnd: (stream: string) => void;
  /** Called for each stream whose sessions another proxy wants ended. */
  onEndStream: (stream: string) => void;
  readonly fleet: Fleet;
  /** Counts every change of origins and mappings as the store learns of it. */
  readonly changes: ChangeCounts;
  /** Makes the other proxies, if they can be reached, end all sessions of a stream. */
  endStream(stream: string): Answer<void>;
  /** Tells the other proxies, if they can be reached, that an origin does not answer here. */
  suspectOrigin(id: string): Answer<void>;
  /**
   * Adds an origin or replaces the one with the same id.
   *
   * @param ttl its life unless put again; Infinity keeps it as long as this store object lives
   * @throws ProxyError `overloaded` when it is new and there is no room
   */
  putOrigin(origin: Origin, ttl: number): Answer<void>;
  /** The origin with that id, unless it has expired. */
  origin(id: string): Answer<Origin | undefined>;
  /** Milliseconds until an origin expires; 0 or less if that is not certain; undefined if there is none. */
  originTimeLeft(id: string): number | undefined;
  /** All origins that have not expired. */
  origins(): Answer<readonly OriginRecord[]>;
  /**
   * Changes the settings of an origin, whether it is registered now or not. They hold for all proxies, as
   * long as the origin is known and a week longer.
   *
   * @throws ProxyError `overloaded` when it is the first and there is no room, `registry_unavailable`
   */
  changeOrigin(id: string, change: OriginChange): Answer<void>;
  /** Removes an origin and its settings. @throws ProxyError `registry_unavailable` */
  removeOrigin(id: string): Answer<void>;
  /** The mapping of a stream. Called for every request, so it should cost no round trip. */
  stream(stream: string): Answer<FoundStream | undefined>;
  /**
   * Maps a stream that has no mapping; an existing one wins and lives for at least the claim's ttl. An
   * unconfirmed mapping of another claimant becomes common (`claimant` empty), so that neither can forget
   * it.
   *
   * @returns the mapping that now holds
   * @throws ProxyError `overloaded` when there is no room
   */
  claimStream(claim: StreamClaim): Answer<StreamRecord>;
  /**
   * Maps a stream again, unconfirmed, if it still belongs to `from` or to no origin and is not live.
   *
   * @returns the mapping that now holds
   * @throws ProxyError `overloaded` when there is no room
   */
  moveStream(move: StreamMove): Answer<StreamRecord>;
  /**
   * Makes the mapping live at the lease's origin, unless it is live at another one. Called before a
   * publisher is told that it may publish.
   *
   * @param wait milliseconds that the caller can wait for other proxies
   * @returns the mapping that now holds: if its origin is another one, the publisher must be ended
   */
  publishStream(lease: StreamLease, wait: number): Answer<StreamRecord>;
  /**
   * Prolongs mappings, never shortens them, and confirms those whose lease is confirmed. A mapping that was
   * lost is written again. One at another origin gives way to a lease that is live while it is not, or that
   * relies on a later epoch; otherwise it is left alone.
   *
   * @returns leases whose publisher runs although the stream's mapping was left alone
   */
  renewStreams(leases: readonly StreamLease[]): Answer<readonly StreamLease[]>;
  /** Removes a mapping if it is as stated, is not live and was never confirmed. */
  forgetStream(forgotten: ForgottenStream): Answer<void>;
  /**
   * Adds or replaces the WebRTC session of that user.
   *
   * @param ttl its life unless put again
   * @throws ProxyError `overloaded` when it is new and there is no room
   */
  putSession(session: RtcSession, ttl: number): Answer<void>;
  /** The session of that user, unless it has expired or was ended. Called for unknown users too. */
  session(user: string): Answer<RtcSession | undefined>;
  /** Removes the session of that user, if there is one. */
  endSession(user: string): Answer<void>;
  /** The mappings, page by page. @throws ProxyError `bad_request` when `after` is not one of ours */
  streams(page: StreamPageRequest): Answer<StreamRecordPage>;
  /** Removes expired records. Called every few seconds. @returns what is left */
  sweep(): Answer<StoreSize>;
}
