// One log line when a session opens, moves and closes, one for a failed request, and the table of open
// sessions. Called by the relays through core/contracts; knows no protocol. The table is bounded: sessions
// that do not fit are logged but not listed.

import { type Clock, systemClock } from "../core/clock.ts";
import type { PageRequest } from "../core/registrar.ts";
import { positionOf } from "../core/list_position.ts";
import type { Transport } from "../core/fleet.ts";
import { logger } from "../core/log.ts";
import type {
  PartServed,
  RoamingSessionLog,
  SessionClosed,
  SessionFlowed,
  SessionMoved,
  SessionOpened,
  SessionRefused,
} from "../core/contracts.ts";
import type { Flowed } from "../core/flow_meter.ts";
import type { EventFeed } from "./event_feed.ts";
import { logFailure } from "./log_failure.ts";
import { type PartRate, PartRates } from "./part_rates.ts";

/** An open session; `since` is in milliseconds of the log's clock. */
export interface OpenSession extends SessionOpened {
  client: string;
  transport?: Transport;
  readonly since: number;
  /** Its number in the order in which sessions were opened. */
  readonly position: number;
  /** As last reported. */
  flowed: Flowed;
}

/** A session as shown; `seconds` since it was opened. */
export interface SessionStatus extends SessionOpened {
  readonly seconds: number;
  readonly flowed: Flowed;
}

/** All sessions and parts. */
export interface AllSessions {
  /** Oldest first. */
  readonly sessions: Iterable<OpenSession>;
  /** What clients receive without a session. */
  readonly parts: Iterable<PartRate>;
}

/** Which sessions to list; every condition that is given must hold. */
export interface SessionFilter {
  /** Stream key. */
  readonly stream?: string | undefined;
  /** Id of the origin. */
  readonly origin?: string | undefined;
  readonly protocol?: string | undefined;
  /** An address, with or without its port. */
  readonly client?: string | undefined;
  readonly intent?: "publish" | "play" | undefined;
}

export interface SessionPageRequest extends PageRequest, SessionFilter {}

export interface SessionPage {
  readonly sessions: readonly SessionStatus[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
  /** Number of sessions on all pages. */
  readonly total: number;
}

export interface LiveSessionsOptions {
  /** Limit on listed sessions. */
  readonly capacity: number;
  /** The process's own by default. */
  readonly clock?: Pick<Clock, "now">;
  /** Told of all sessions, listed or not; absent = nobody. */
  readonly events?: Pick<EventFeed, "tell">;
}

const LOG = logger("session");
const NOTHING: Flowed = { bytesIn: 0, bytesOut: 0, bitsIn: 0, bitsOut: 0 };

export class LiveSessions implements RoamingSessionLog {
  readonly #capacity: number;
  readonly #clock: Pick<Clock, "now">;
  readonly #sessions = new Map<string, OpenSession>();
  readonly #events: Pick<EventFeed, "tell"> | undefined;
  readonly #parts: PartRates;
  #opened = 0;

  constructor(options: LiveSessionsOptions) {
    this.#capacity = options.capacity;
    this.#clock = options.clock ?? systemClock;
    this.#parts = new PartRates(this.#clock);
    this.#events = options.events;
  }

  /** Number of listed sessions. */
  get size(): number {
    return this.#sessions.size;
  }

  opened(event: SessionOpened): void {
    if (this.#sessions.size < this.#capacity) {
      const position = ++this.#opened;
      const since = this.#clock.now();
      this.#sessions.set(event.session, { ...event, since, position, flowed: NOTHING });
    }
    LOG.info("Session opened", { ...event });
    this.#events?.tell("session_opened", { ...event });
  }

  moved(event: SessionMoved): void {
    const live = this.#sessions.get(event.session);
    if (live !== undefined) Object.assign(live, event);
    LOG.info("Session moved", { ...event });
    this.#events?.tell("session_moved", { ...event });
  }

  closed(event: SessionClosed): void {
    const live = this.#sessions.get(event.session);
    this.#sessions.delete(event.session);
    if (!live) {
      LOG.info("Session closed", { ...event });
      return;
    }
    const { since, position: _, flowed: __, ...opened } = live;
    const durationMs = Math.round(this.#clock.now() - since);
    const closed = { ...opened, ...event, durationMs };
    LOG.info("Session closed", closed);
    this.#events?.tell("session_closed", closed);
  }

  flowed({ session, flowed }: SessionFlowed): void {
    const live = this.#sessions.get(session);
    if (live !== undefined) live.flowed = flowed;
  }

  served(event: PartServed): void {
    this.#parts.add(event);
  }

  refused({ error, tried = [], ...request }: SessionRefused): void {
    const asked = tried.map(({ origin, code }) => `${origin} ${code}`).join(", ");
    const fields = asked === "" ? request : { ...request, tried: asked };
    logFailure(LOG, "Session refused", error, fields);
  }

  /**
   * The open sessions, oldest first. A page continues where the previous one ended, whichever sessions have
   * closed since.
   *
   * @throws ProxyError `bad_request` when `after` is not the `next` of a page
   */
  list(page: SessionPageRequest): SessionPage {
    const after = positionOf(page);
    const sessions: SessionStatus[] = [];
    let [total, last, next] = [0, 0, undefined as string | undefined];
    for (const session of this.#sessions.values()) {
      if (!fits(session, page)) continue;
      total++;
      if (session.position <= after || next !== undefined) continue;
      if (sessions.length >= page.limit) {
        next = String(last);
        continue;
      }
      sessions.push(this.#statusOf(session));
      last = session.position;
    }
    return { sessions, next, total };
  }

  /** All listed sessions, and what flows without a session. */
  all(): AllSessions {
    return { sessions: this.#sessions.values(), parts: this.#parts.all() };
  }

  #statusOf({ since, position: _, ...session }: OpenSession): SessionStatus {
    return { ...session, seconds: Math.round((this.#clock.now() - since) / 1000) };
  }
}

function fits(session: SessionOpened, filter: SessionFilter): boolean {
  const { stream, origin, protocol, client, intent } = filter;
  return (stream === undefined || session.stream === stream) &&
    (origin === undefined || session.origin === origin) &&
    (protocol === undefined || session.protocol === protocol) &&
    (intent === undefined || session.intent === intent) &&
    (client === undefined || isOfAddress(session.client, client));
}

/** An IPv6 address has brackets before its port. */
function isOfAddress(client: string, wanted: string): boolean {
  return client === wanted || client.startsWith(`${wanted}:`) || client.startsWith(`[${wanted}]:`);
}
