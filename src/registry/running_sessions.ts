// What the registry may ask about the sessions that relays run, and what it concludes: whether an
// origin still sends to any of them, and which viewers wait where their stream is not. Knows no
// relay; sessions are ids.

import type { HeldStreams } from "./held_streams.ts";
import { isLive } from "./mapping_rules.ts";
import type { Store } from "./store.ts";

/** The sessions of this process, as far as the registry has to do with them. */
export interface SessionControl {
  /** Bytes that the origin has sent for the session; undefined when there is no such session. */
  received(session: string): number | undefined;
  /** Ends the session in order; an unknown one is ignored. */
  end(session: string, reason: "origin_down" | "stream_moved"): void;
}

/** For a registry without relays. */
export const NO_SESSIONS: SessionControl = { received: () => undefined, end: () => {} };

/** What the origin had sent for each session when it was last looked at. */
type Received = ReadonlyMap<string, number>;

/** Looks at sessions from time to time. As large as what is suspected and stray. */
export class RunningSessions {
  readonly #control: SessionControl;
  readonly #held: HeldStreams;
  readonly #seen = new Map<string, Received>();
  #strays: Received = new Map();

  constructor(control: SessionControl, held: HeldStreams) {
    this.#control = control;
    this.#held = held;
  }

  /**
   * Whether the origin has sent anything for any session since this was last asked. What sends is
   * alive, even if it takes no new connections.
   */
  haveHeardFrom(origin: string): boolean {
    const before = this.#seen.get(origin);
    const now = this.#look(this.#held.sessionsAt(origin));
    this.#seen.set(origin, now);
    return before !== undefined && hasGrown(before, now);
  }

  /** The origin is not suspected any more. */
  forget(origin: string): void {
    this.#seen.delete(origin);
  }

  /** Ends all sessions at an origin. @returns how many */
  endAt(origin: string): number {
    const sessions = this.#held.sessionsAt(origin);
    for (const session of sessions) this.#control.end(session, "origin_down");
    return sessions.length;
  }

  /**
   * Ends viewers that get nothing where they are while their stream is live at another origin: when
   * they come back they are led there. Called every few seconds; one that is found twice goes.
   *
   * @returns how many have been ended
   */
  async endStrays(store: Store): Promise<number> {
    const astray: string[] = [];
    for (const { stream, origin, isLive: publishes } of [...this.#held.inUse()]) {
      if (publishes) continue;
      const record = (await store.stream(stream))?.record;
      if (!record || record.origin === origin || !isLive(record)) continue;
      astray.push(...this.#held.sessionsAt(origin, stream));
    }
    const before = this.#strays;
    const now = this.#look(astray);
    this.#strays = now;
    const ended = [...now].filter(([session, received]) => before.get(session) === received);
    for (const [session] of ended) this.#control.end(session, "stream_moved");
    return ended.length;
  }

  #look(sessions: readonly string[]): Received {
    const received = new Map<string, number>();
    for (const session of sessions) {
      const bytes = this.#control.received(session);
      if (bytes !== undefined) received.set(session, bytes);
    }
    return received;
  }
}

function hasGrown(before: Received, now: Received): boolean {
  for (const [session, bytes] of now) {
    if (bytes > (before.get(session) ?? bytes)) return true;
  }
  return false;
}
