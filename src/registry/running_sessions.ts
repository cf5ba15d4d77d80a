// What the registry may ask about the sessions that relays run, and what it concludes: whether an origin
// still sends to any of them, and which viewers wait where their stream is not. Knows no relay; sessions
// are ids.

import type { EndedBy } from "../core/contracts.ts";
import type { HeldStreams } from "./held_streams.ts";
import { isLive } from "./mapping_rules.ts";
import type { Store } from "./store.ts";

/** The sessions of this process, as far as the registry needs them. */
export interface SessionControl {
  /** See `RelaySessions`. */
  received(sessions: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Ends the session cleanly; an unknown one is ignored. */
  end(session: string, reason: EndedBy): void;
}

/** For a registry without relays. */
export const NO_SESSIONS: SessionControl = {
  received: () => Promise.resolve(new Map()),
  end: () => {},
};

/** Bytes that the origin had sent to each session at the last check. */
type Received = ReadonlyMap<string, number>;

/** One check of all sessions of an origin, and what was reported about them. */
interface Look {
  readonly sessions: ReadonlySet<string>;
  readonly received: Received;
}

/** Checks sessions from time to time. Remembers only strays. */
export class RunningSessions {
  readonly #control: SessionControl;
  readonly #held: HeldStreams;
  #strays: Received = new Map();

  constructor(control: SessionControl, held: HeldStreams) {
    this.#control = control;
    this.#held = held;
  }

  /**
   * Takes the bytes that the origin has sent so far as the baseline.
   *
   * @returns a function that tells whether the origin has sent anything to any session since then, or
   * since the last call. An origin that sends is alive, even if it takes no new connections.
   */
  async listenTo(origin: string): Promise<() => Promise<boolean>> {
    const look = async (): Promise<Look> => {
      const sessions = this.#held.sessionsAt(origin);
      return { sessions: new Set(sessions), received: await this.#control.received(sessions) };
    };
    let last = await look();
    return async () => {
      const before = last;
      last = await look();
      return hasGrown(before, last.received);
    };
  }

  /** Ends all sessions at an origin. @returns how many */
  endAt(origin: string): number {
    const sessions = this.#held.sessionsAt(origin);
    for (const session of sessions) this.#control.end(session, "origin_down");
    return sessions.length;
  }

  /** Ends all sessions of a stream. @returns how many */
  endStream(stream: string): number {
    const sessions = this.#held.sessionsOf(stream);
    for (const session of sessions) this.#control.end(session, "kicked");
    return sessions.length;
  }

  /**
   * Ends viewers that get nothing while their stream is live at another origin: when they reconnect they
   * are led there. Called every few seconds; a viewer found twice in a row is ended.
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
    const now = await this.#control.received(astray);
    this.#strays = now;
    const ended = [...now].filter(([session, bytes]) => {
      return bytes !== Infinity && before.get(session) === bytes;
    });
    for (const [session] of ended) this.#control.end(session, "stream_moved");
    return ended.length;
  }
}

/**
 * A session that was waiting and is now held up has been sent something; one held up before proves nothing,
 * nor does one that was not reported. All that a session opened since then has received is new.
 */
function hasGrown({ sessions, received }: Look, now: Received): boolean {
  for (const [session, bytes] of now) {
    const before = received.get(session) ?? (sessions.has(session) ? bytes : 0);
    if (bytes > before) return true;
  }
  return false;
}
