// Opens and ends sessions for the signalling exchanges: in the registry, so that any proxy accepts
// their media, and in the media relay of this process. Remembers ICE restarts, because a session's
// URL stays the same.

import { ProxyError } from "../../core/errors.ts";
import { ExpiringMap } from "../../core/expiring_map.ts";
import type { RtcSession } from "../../core/contracts.ts";
import type { SessionTag } from "../../protocol/rtc/session_tag.ts";
import type { MediaEnd } from "./media_messages.ts";
import { proofOf } from "./session_address.ts";
import type { SignalingDependencies } from "./dependencies.ts";
import type { SessionPlace } from "./session_places.ts";

/** Lifetime of a record until the media relay renews it, milliseconds. */
export const UNUSED_RECORD_TTL = 30_000;
/** How many restarted sessions are remembered, and for how long, milliseconds. */
const MAX_RESTARTED = 10_000;
const REMEMBERED = 24 * 3_600_000;

/** A session that has restarted: the proof in its URL, and its current user. */
interface Restarted {
  readonly proof: string;
  readonly session: RtcSession;
}

export class OpenSessions {
  readonly #deps: SignalingDependencies;
  readonly #restarted = new ExpiringMap<string, Restarted>({
    capacity: MAX_RESTARTED,
    ttl: REMEMBERED,
  });

  constructor(deps: SignalingDependencies) {
    this.#deps = deps;
  }

  /**
   * Opens a session. Its media is then accepted here and, if the registry can be told, at every
   * proxy.
   *
   * @throws ProxyError `overloaded`, `draining`; `bad_request` when another session has its user
   * name, which a client can cause, because SRS lets it choose both halves
   */
  async open(session: RtcSession, place: SessionPlace, before?: string): Promise<void> {
    const { media, rtcSessions, metrics } = this.#deps;
    const other = await rtcSessions.session(session.user).catch(() => undefined);
    if (other !== undefined && other.password !== session.password) {
      throw new ProxyError("bad_request", "Cannot use these ICE credentials: they are in use");
    }
    await media.open(session, place, before);
    try {
      await rtcSessions.putSession(session, UNUSED_RECORD_TTL);
    } catch {
      // It is still served if its media comes here, as it does with a single proxy.
      metrics.count("srs_proxy_rtc_registry_errors_total");
    }
  }

  /** Ends a session, following its restarts. */
  async end(user: string, reason: MediaEnd): Promise<void> {
    const now = this.#deps.clock.now();
    const newest = this.#restarted.get(user, now)?.session.user;
    this.#restarted.delete(user, now);
    for (const one of newest === undefined ? [user] : [user, newest]) await this.#end(one, reason);
  }

  /**
   * Returns the session that a URL is about; undefined if it is no longer known or the registry
   * cannot tell.
   *
   * @returns `isProved` tells whether the URL was made for this very session
   */
  async find(tag: SessionTag): Promise<{ session: RtcSession; isProved: boolean } | undefined> {
    const restarted = this.#restarted.get(tag.user, this.#deps.clock.now());
    if (restarted !== undefined) {
      return { session: restarted.session, isProved: restarted.proof === tag.proof };
    }
    const session = await this.#deps.rtcSessions.session(tag.user).catch(() => undefined);
    return session && { session, isProved: proofOf(session) === tag.proof };
  }

  /**
   * Opens the restarted session under its new credentials. Media is still accepted under the old
   * ones until the client stops using them.
   *
   * @throws ProxyError as `open` does
   */
  async restart(tag: SessionTag, session: RtcSession, place: SessionPlace): Promise<void> {
    const known = this.#restarted.get(tag.user, this.#deps.clock.now());
    await this.open(session, place, known?.session.user ?? tag.user);
    const now = this.#deps.clock.now();
    this.#restarted.expire(now);
    this.#restarted.set(tag.user, { proof: tag.proof, session }, now);
  }

  async #end(user: string, reason: MediaEnd): Promise<void> {
    const { media, rtcSessions, metrics } = this.#deps;
    media.end(user, reason);
    try {
      await rtcSessions.endSession(user);
    } catch {
      metrics.count("srs_proxy_rtc_registry_errors_total");
    }
  }
}
