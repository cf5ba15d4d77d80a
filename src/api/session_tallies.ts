// How many sessions there are, by origin and by stream: what lists of origins and streams show of
// them. Counted in one pass over the open sessions whenever a list is asked for.

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

  #add(session: OpenSession, stream: string): void {
    const { origin, intent, protocol } = session;
    const at = this.#origins.get(origin) ?? { publishers: 0, viewers: 0 };
    const of = this.#streams.get(stream) ?? { publishers: 0, viewers: {}, publisher: undefined };
    if (intent === "publish") {
      at.publishers++;
      of.publishers++;
      of.publisher = session;
    } else {
      at.viewers++;
      of.viewers[protocol] = (of.viewers[protocol] ?? 0) + 1;
    }
    this.#origins.set(origin, at);
    this.#streams.set(stream, of);
  }
}
