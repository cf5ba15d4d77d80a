// Where the registry keeps its records: what a store must do, and nothing about how. Every record
// is plain JSON with a time to live. The clock is the store's, so that several proxies on one store
// agree on what has expired; callers only ever give durations, in milliseconds.

import type { ChangeCounts } from "../core/change_counts.ts";
import type { StreamPageRequest } from "../core/registrar.ts";
import type { ProxyPlace, SessionCounts } from "../core/fleet.ts";
import type { Origin, OriginChange, OriginSettings } from "../core/origin.ts";
import type { RtcSession } from "../core/contracts.ts";

/** A registered origin with its load. */
export interface OriginRecord {
  readonly origin: Origin;
  /** Streams mapped to it. */
  readonly streams: number;
  /** Milliseconds left to live; null when it does not expire. */
  readonly expiresIn: number | null;
  /** What was decided about it; absent when nothing was. */
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
   * Id of the registry whose publisher runs there; empty when none is known to. While it is not
   * empty the mapping is live, and no request moves it.
   */
  readonly publisher: string;
  /**
   * Rises whenever the stream is given another origin, so that of two mappings the later one is
   * known: milliseconds of the store's clock, or 1 more than that of the mapping before.
   */
  readonly epoch: number;
}

/** A mapping as it is found. */
export interface FoundStream {
  readonly record: StreamRecord;
  /**
   * Milliseconds until it lapses; 0 or less when its time is over and it is here only because the
   * other proxies could not be asked. It must be claimed then before anybody relies on it.
   */
  readonly left: number;
}

/** The wish to become the one that maps a stream. */
export interface StreamClaim {
  readonly stream: string;
  /** Id of the origin that the caller has picked. */
  readonly origin: string;
  readonly claimant: string;
  /** Whether a publisher asks. It gets room even where viewers have filled all there is. */
  readonly publishes: boolean;
  /** Life of the mapping unless it is renewed. */
  readonly ttl: number;
  /**
   * Origins that would do, the picked one included; empty when no other would. A store that cannot
   * reach the other proxies now must choose among these by a rule that needs no agreement.
   */
  readonly candidates: readonly OriginRecord[];
  /** Milliseconds that the caller can wait for other proxies; then the store decides alone. */
  readonly wait: number;
}

/** The wish to take a stream away from the origin `from`. */
export interface StreamMove extends StreamClaim {
  readonly from: string;
}

/** The statement that a stream is in use at an origin. */
export interface StreamLease {
  readonly stream: string;
  readonly origin: string;
  readonly claimant: string;
  readonly confirmed: boolean;
  /** Epoch of the mapping on which the sessions there rely. */
  readonly epoch: number;
  /** The mapping lives at least this long from now. */
  readonly ttl: number;
  /**
   * `runs` when a publisher of the claimant runs there, `ended` when its last one has ended,
   * `none` when it has said nothing about publishers.
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
  /** Whether it must be gone before what is said next of the stream; otherwise it may stay a while. */
  readonly isUrgent: boolean;
}

/** A result that may come at once, as from memory, or later, as over a network. */
export type Answer<T> = T | Promise<T>;

/** A mapping in a list. */
export interface ListedStream extends StreamRecord {
  /** For how many milliseconds it has been here, whatever has become of it since. */
  readonly knownFor: number;
}

/** One page of mappings; `next` is where the next one begins, undefined on the last. */
export interface StreamRecordPage {
  readonly streams: readonly ListedStream[];
  readonly next: string | undefined;
  /** How many there are on all pages. */
  readonly total: number;
}

/** What proxies know of each other. */
export interface Fleet {
  /** Where the other proxies listen, as far as they have announced it. */
  readonly others: readonly ProxyPlace[];
  /** Whether it is for this proxy to look after an origin: for one of those that know of each other. */
  isOurs(origin: string): boolean;
  /** Tells the other proxies, if they can be told, what sessions run here: holds for 15 s. */
  tellSessions(counts: SessionCounts): Answer<void>;
  /** What the other proxies have told of their sessions, as far as they can be asked now. */
  otherSessions(): Answer<readonly SessionCounts[]>;
  /** Tells the other proxies from now on where this one listens. */
  announce(place: ProxyPlace): void;
}

export interface StoreSize {
  readonly origins: number;
  readonly streams: number;
}

/**
 * Keeps origins, the mapping of streams to them, and WebRTC sessions. Each method is atomic: of any number of
 * concurrent calls, from any number of proxies, each sees all of another or nothing of it.
 *
 * Any method may throw ProxyError `registry_unavailable`, after a bounded time.
 */
export interface Store extends AsyncDisposable {
  /**
   * Why the store cannot reach the other proxies and answers from what it knows; undefined when
   * all is well.
   */
  readonly trouble: string | undefined;
  /** Told of each origin that another proxy has come to suspect. */
  onSuspect: (origin: string) => void;
  /** Called for each stream that another proxy has reported to be no longer live. */
  onLiveEnd: (stream: string) => void;
  /** Called for each stream whose sessions another proxy wants ended. */
  onEndStream: (stream: string) => void;
  readonly fleet: Fleet;
  /** Counts every change of what the store knows of origins and mappings, as it comes to know it. */
  readonly changes: ChangeCounts;
  /** Tells the other proxies, if they can be told, to end all sessions of a stream. */
  endStream(stream: string): Answer<void>;
  /** Tells the other proxies, if they can be told, that an origin does not answer here. */
  suspectOrigin(id: string): Answer<void>;
  /**
   * Adds an origin or replaces the one of the same id.
   *
   * @param ttl its life unless put again; Infinity keeps it as long as this store object lives
   * @throws ProxyError `overloaded` when it is new and there is no room
   */
  putOrigin(origin: Origin, ttl: number): Answer<void>;
  /** The origin of that id, unless it has expired. */
  origin(id: string): Answer<Origin | undefined>;
  /** Milliseconds until an origin expires; 0 or less when that is not certain, undefined for none. */
  originTimeLeft(id: string): number | undefined;
  /** All origins that have not expired. */
  origins(): Answer<readonly OriginRecord[]>;
  /**
   * Changes what is decided about an origin, whether it is registered now or not. It holds for all
   * proxies, and as long as the origin is known and a week longer.
   *
   * @throws ProxyError `overloaded` when it is the first and there is no room, `registry_unavailable`
   */
  changeOrigin(id: string, change: OriginChange): Answer<void>;
  /** Removes an origin, and what is decided about it. @throws ProxyError `registry_unavailable` */
  removeOrigin(id: string): Answer<void>;
  /** The mapping of a stream. Called for every request, so it should cost no round trip. */
  stream(stream: string): Answer<FoundStream | undefined>;
  /**
   * Maps a stream that has no mapping; an existing one wins and lives for the ttl of the claim at
   * least. Meeting the unconfirmed mapping of another claimant makes it common (`claimant` empty),
   * so that neither can forget it.
   *
   * @returns the mapping that now holds
   * @throws ProxyError `overloaded` when there is no room
   */
  claimStream(claim: StreamClaim): Answer<StreamRecord>;
  /**
   * Maps a stream again, unconfirmed, if it still belongs to `from` or to nobody and is not live.
   *
   * @returns the mapping that now holds
   * @throws ProxyError `overloaded` when there is no room
   */
  moveStream(move: StreamMove): Answer<StreamRecord>;
  /**
   * A publisher of the claimant is about to be told that it runs: the mapping becomes live there,
   * unless it is live at another origin.
   *
   * @param wait milliseconds that the caller can wait for other proxies
   * @returns the mapping that now holds: another origin in it means that the publisher must go
   */
  publishStream(lease: StreamLease, wait: number): Answer<StreamRecord>;
  /**
   * Prolongs mappings, never shortens them, and confirms those whose lease is confirmed. A mapping
   * that was lost is written again. One at another origin gives way to a lease that is live while
   * it is not, or that relies on a later epoch; otherwise it is left alone.
   *
   * @returns those leases that were left alone although a publisher runs there
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
  /** The mappings, page by page. @throws ProxyError `bad_request` when `after` is none of ours */
  streams(page: StreamPageRequest): Answer<StreamRecordPage>;
  /** Drops what has expired. Called every few seconds. @returns what is left */
  sweep(): Answer<StoreSize>;
}
