// How many sessions there are, by origin and by stream: what lists of origins and streams show of
// them. Counted in one pass over the open sessions whenever a list is asked for.

import type { SessionCounts } from "../core/fleet.ts";
import type { OpenSession } from "./session_log.ts";

/** The sessions at one origin. */
export interface OriginTally {
  readonly publishers: number;
  readonly viewers: number;
}

/** The sessions of one stream. */
export interface StreamTally {
  readonly publishers: number;
  /** By protocol, those that have any. */
  readonly viewers: Readonly<Record<string, number>>;
  /** The newest publisher of this process. */
  readonly publisher: OpenSession | undefined;
}

interface OpenStreamTally {
  publishers: number;
  readonly viewers: Record<string, number>;
  publisher: OpenSession | undefined;
}

/** Streams of which other proxies are told. */
const MOST_STREAMS = 10_000;
const NONE: OriginTally = { publishers: 0, viewers: 0 };
const NOBODY: StreamTally = { publishers: 0, viewers: {}, publisher: undefined };

/** What was counted at one moment. */
export class SessionTallies {
  readonly #origins = new Map<string, { publishers: number; viewers: number }>();
  readonly #streams = new Map<string, OpenStreamTally>();

  /**
   * @param sessions oldest first
   * @param placed gives the key under which a session's stream is listed
   */
  constructor(sessions: Iterable<OpenSession>, placed: (stream: string) => string) {
    for (const session of sessions) this.#add(session, placed(session.stream));
  }

  ofOrigin(id: string): OriginTally {
    return this.#origins.get(id) ?? NONE;
  }

  ofStream(key: string): StreamTally {
    return this.#streams.get(key) ?? NOBODY;
  }

  /** What other proxies are told; of the streams the busiest if there are too many. */
  counts(): SessionCounts {
    const streams = [...this.#streams]
      .map(([key, { viewers }]) => ({ key, viewers, sum: sumOf(viewers) }))
      .filter(({ sum }) => sum > 0)
      .sort((one, two) => two.sum - one.sum)
      .slice(0, MOST_STREAMS);
    return {
      origins: Object.fromEntries(this.#origins),
      streams: Object.fromEntries(streams.map(({ key, viewers }) => [key, viewers])),
    };
  }

  /** Adds what another proxy has told. */
  add({ origins, streams }: SessionCounts): void {
    for (const [id, { publishers, viewers }] of Object.entries(origins)) {
      const at = this.#atOrigin(id);
      at.publishers += publishers;
      at.viewers += viewers;
    }
    for (const [key, viewers] of Object.entries(streams)) {
      const of = this.#atStream(key);
      for (const [protocol, count] of Object.entries(viewers)) {
        of.viewers[protocol] = (of.viewers[protocol] ?? 0) + count;
      }
    }
  }

  #atOrigin(id: string): { publishers: number; viewers: number } {
    const at = this.#origins.get(id) ?? { publishers: 0, viewers: 0 };
    this.#origins.set(id, at);
    return at;
  }

  #atStream(key: string): OpenStreamTally {
    const of = this.#streams.get(key) ?? { publishers: 0, viewers: {}, publisher: undefined };
    this.#streams.set(key, of);
    return of;
  }

  #add(session: OpenSession, stream: string): void {
    const { origin, intent, protocol } = session;
    const at = this.#atOrigin(origin);
    const of = this.#atStream(stream);
    if (intent === "publish") {
      at.publishers++;
      of.publishers++;
      of.publisher = session;
    } else {
      at.viewers++;
      of.viewers[protocol] = (of.viewers[protocol] ?? 0) + 1;
    }
  }
}

function sumOf(viewers: Readonly<Record<string, number>>): number {
  return Object.values(viewers).reduce((sum, count) => sum + count, 0);
}
