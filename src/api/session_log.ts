// One log line when a session opens, one when it closes, one for a failed request, and the table of
// open sessions. Fed by the relays through core/ports; knows no protocol. The table is bounded:
// sessions that do not fit are logged all the same, but not listed.

import { type Clock, systemClock } from "../core/clock.ts";
import type { PageRequest } from "../core/directory.ts";
import { logger } from "../core/log.ts";
import type { SessionClosed, SessionLog, SessionOpened, SessionRefused } from "../core/ports.ts";
import { logFailure } from "./log_failure.ts";

/** A session that is open; `since` is in milliseconds of the clock of the log. */
interface LiveSession extends SessionOpened {
  readonly since: number;
}

/** A session as it is shown; `seconds` since it was opened. */
export interface SessionStatus extends SessionOpened {
  readonly seconds: number;
}

export interface LiveSessionsOptions {
  /** Most sessions listed at a time. */
  readonly capacity: number;
  /** The process's own unless given. */
  readonly clock?: Pick<Clock, "now">;
}

const LOG = logger("session");

export class LiveSessions implements SessionLog {
  readonly #capacity: number;
  readonly #clock: Pick<Clock, "now">;
  readonly #sessions = new Map<string, LiveSession>();

  constructor(options: LiveSessionsOptions) {
    this.#capacity = options.capacity;
    this.#clock = options.clock ?? systemClock;
  }

  /** How many sessions are listed. */
  get size(): number {
    return this.#sessions.size;
  }

  opened(event: SessionOpened): void {
    if (this.#sessions.size < this.#capacity) {
      this.#sessions.set(event.session, { ...event, since: this.#clock.now() });
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
    const { since, ...opened } = live;
    LOG.info("Session closed", {
      ...opened,
      ...event,
      durationMs: Math.round(this.#clock.now() - since),
    });
  }

  refused({ error, tried = [], ...request }: SessionRefused): void {
    const asked = tried.map(({ origin, code }) => `${origin} ${code}`).join(", ");
    const fields = asked === "" ? request : { ...request, tried: asked };
    logFailure(LOG, "Session refused", error, fields);
  }

  /** The open sessions, oldest first; those after the id `after` if one is given. */
  list({ limit, after }: PageRequest): SessionStatus[] {
    const page: SessionStatus[] = [];
    let isBehind = after === undefined || !this.#sessions.has(after);
    for (const { since, ...session } of this.#sessions.values()) {
      if (page.length >= limit) break;
      const seconds = Math.round((this.#clock.now() - since) / 1000);
      if (isBehind) page.push({ ...session, seconds });
      isBehind ||= session.session === after;
    }
    return page;
  }
}
