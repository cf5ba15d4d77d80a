// One log line when a session opens, one when it closes, one for a request that came to nothing,
// and the table of the sessions that are open. Fed by the relays through core/ports; knows no
// protocol. The table is bounded: what does not fit is logged all the same, but not listed.

import type { PageRequest } from "../core/directory.ts";
import { positionOf } from "../core/list_position.ts";
import { logger } from "../core/log.ts";
import type { SessionClosed, SessionLog, SessionOpened, SessionRefused } from "../core/ports.ts";
import { logFailure } from "./log_failure.ts";

/** A session that is open; `since` is in milliseconds of the clock of the log. */
interface LiveSession extends SessionOpened {
  readonly since: number;
  /** Its number in the order in which all sessions were opened. */
  readonly position: number;
}

/** A session as it is shown; `seconds` since it was opened. */
export interface SessionStatus extends SessionOpened {
  readonly seconds: number;
}

/** One page of sessions. */
export interface SessionPage {
  readonly sessions: readonly SessionStatus[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
}

/** Bound and clock of a session log. */
export interface LiveSessionsOptions {
  /** Most sessions listed at a time. */
  readonly capacity: number;
  /** Milliseconds, never going backwards; the process's own clock unless given. */
  readonly now?: () => number;
}

const LOG = logger("session");

/** The session log of the program. */
export class LiveSessions implements SessionLog {
  readonly #capacity: number;
  readonly #now: () => number;
  readonly #sessions = new Map<string, LiveSession>();
  #opened = 0;

  constructor(options: LiveSessionsOptions) {
    this.#capacity = options.capacity;
    this.#now = options.now ?? (() => performance.now());
  }

  /** How many sessions are listed. */
  get size(): number {
    return this.#sessions.size;
  }

  opened(event: SessionOpened): void {
    if (this.#sessions.size < this.#capacity) {
      const position = ++this.#opened;
      this.#sessions.set(event.session, { ...event, since: this.#now(), position });
    }
    LOG.info("Session opened", { ...event });
  }

  closed(event: SessionClosed): void {
    const live = this.#sessions.get(event.session);
    this.#sessions.delete(event.session);
    if (!live) {
      LOG.info("Session closed", { ...event });
      return;
    }
    const { since, position: _, ...opened } = live;
    LOG.info("Session closed", {
      ...opened,
      ...event,
      durationMs: Math.round(this.#now() - since),
    });
  }

  refused({ error, tried = [], ...request }: SessionRefused): void {
    const asked = tried.map(({ origin, code }) => `${origin} ${code}`).join(", ");
    const fields = asked === "" ? request : { ...request, tried: asked };
    logFailure(LOG, "Session refused", error, fields);
  }

  /**
   * The open sessions, oldest first. A page goes on where the one before ended, whichever sessions
   * have closed since.
   *
   * @throws ProxyError `bad_request` when `after` is not the `next` of a page
   */
  list(page: PageRequest): SessionPage {
    const after = positionOf(page);
    const sessions: SessionStatus[] = [];
    let last = 0;
    for (const { since, position, ...session } of this.#sessions.values()) {
      if (position <= after) continue;
      if (sessions.length >= page.limit) return { sessions, next: String(last) };
      sessions.push({ ...session, seconds: Math.round((this.#now() - since) / 1000) });
      last = position;
    }
    return { sessions, next: undefined };
  }
}
