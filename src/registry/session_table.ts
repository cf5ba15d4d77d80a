// WebRTC sessions by the user name of their STUN requests, each with its own time to live, in a bounded
// table. Time is an argument, in milliseconds.

import type { RtcSession } from "../core/contracts.ts";

const FULL_SWEEP_PAUSE = 1_000;

interface SessionEntry {
  readonly session: RtcSession;
  readonly expires: number;
}

export class SessionTable {
  readonly #capacity: number;
  readonly #entries = new Map<string, SessionEntry>();
  #lastExpiry = -Infinity;

  /** @param capacity in sessions */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Number of sessions, including those that have expired since the last `expire`. */
  get size(): number {
    return this.#entries.size;
  }

  /** Adds or replaces the session of that user. @returns false when there is no room for it */
  put(session: RtcSession, ttl: number, now: number): boolean {
    if (!this.#entries.has(session.user) && !this.#hasRoom(now)) return false;
    this.#entries.set(session.user, { session, expires: now + ttl });
    return true;
  }

  /** The session of that user, unless it has expired. */
  get(user: string, now: number): RtcSession | undefined {
    const entry = this.#entries.get(user);
    return entry && now < entry.expires ? entry.session : undefined;
  }

  /** Milliseconds until it expires; 0 if it is not there. */
  timeLeft(user: string, now: number): number {
    return Math.max(0, (this.#entries.get(user)?.expires ?? 0) - now);
  }

  /** The users of all sessions that have not expired. */
  *users(now: number): Generator<string> {
    for (const [user, { expires }] of this.#entries) {
      if (now < expires) yield user;
    }
  }

  delete(user: string): void {
    this.#entries.delete(user);
  }

  /** Removes expired sessions. */
  expire(now: number): void {
    this.#lastExpiry = now;
    for (const [user, { expires }] of this.#entries) {
      if (now >= expires) this.#entries.delete(user);
    }
  }

  clear(): void {
    this.#entries.clear();
  }

  /** While the table is full, every new session asks for this, and most must not pay for a sweep. */
  #hasRoom(now: number): boolean {
    if (this.#entries.size < this.#capacity) return true;
    if (now - this.#lastExpiry >= FULL_SWEEP_PAUSE) this.expire(now);
    return this.#entries.size < this.#capacity;
  }
}
