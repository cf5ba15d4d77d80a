// Looks up single origins that the copy does not have yet: a mapping may become known a moment before its
// origin. Those that Redis does not know either are not asked for again at once.

import { ExpiringMap } from "../../core/expiring_map.ts";
import type { Origin } from "../../core/origin.ts";
import type { Follower } from "./follower.ts";
import type { Gate } from "./gate.ts";
import type { Remote } from "./remote.ts";

export interface OriginLookupOptions {
  readonly gate: Gate;
  readonly remote: Remote;
  readonly follower: Follower;
  readonly now: () => number;
  /** The origin in the copy. */
  known(id: string): Origin | undefined;
}

/** Milliseconds for a reply that somebody waits for. */
const DEADLINE = 40;
const UNKNOWN = { ttl: 1_000, capacity: 1_000 };

export class OriginLookup {
  readonly #options: OriginLookupOptions;
  readonly #unknown = new ExpiringMap<string, true>(UNKNOWN);

  constructor(options: OriginLookupOptions) {
    this.#options = options;
  }

  async find(id: string): Promise<Origin | undefined> {
    const { gate, remote, follower, now, known } = this.#options;
    if (this.#unknown.get(id, now())) return undefined;
    const answer = await gate.ask(DEADLINE, (connection) => remote.origin(connection, id));
    const found = known(id);
    if (found || !answer) return found;
    if (!answer.value) {
      this.#unknown.set(id, true, now());
      return undefined;
    }
    follower.takeOrigin(answer.value, answer.version);
    return answer.value.record;
  }

  /** The origin has just registered. */
  learn(id: string): void {
    this.#unknown.delete(id, this.#options.now());
  }

  sweep(): void {
    this.#unknown.expire(this.#options.now());
  }
}
