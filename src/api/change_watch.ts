// Periodically looks for changes of origins and streams, whichever proxy caused them, and reports them as
// events. Looks only while somebody listens.

import type { Clock } from "../core/clock.ts";
import { logger } from "../core/log.ts";
import type { Registrar } from "../core/registrar.ts";
import type { EventFeed } from "./event_feed.ts";
import { stateOf } from "./origin_routes.ts";

export interface ChangeWatchOptions {
  readonly clock: Clock;
  readonly registrar: Pick<Registrar, "origins" | "streams">;
  readonly events: EventFeed;
  /** Whether anybody listens. */
  readonly isWanted: () => boolean;
}

const PERIOD = 1_000;
const PAGE = 10_000;
const LOG = logger("api");

/** What was known at one moment: the state of each origin, and where each live stream is. */
interface Seen {
  readonly origins: ReadonlyMap<string, string>;
  readonly streams: ReadonlyMap<string, string>;
}

export class ChangeWatch implements Disposable {
  readonly #options: ChangeWatchOptions;
  readonly #timer: Disposable;
  #before: Seen | undefined;
  #isLooking = false;

  constructor(options: ChangeWatchOptions) {
    this.#options = options;
    this.#timer = options.clock.every(PERIOD, () => this.#look());
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    if (!this.#options.isWanted()) {
      this.#before = undefined;
      return;
    }
    this.#isLooking = true;
    try {
      const now = await this.#see();
      if (this.#before !== undefined) this.#compare(this.#before, now);
      this.#before = now;
    } catch (error) {
      LOG.error("Cannot look for changes", { error });
    } finally {
      this.#isLooking = false;
    }
  }

  async #see(): Promise<Seen> {
    const { registrar } = this.#options;
    const origins = new Map<string, string>();
    for (const status of await registrar.origins()) {
      const { draining, weight } = status.settings;
      const { generation } = status.origin;
      const state = JSON.stringify({ state: stateOf(status), draining, weight, generation });
      origins.set(status.origin.id, state);
    }
    const streams = new Map<string, string>();
    let after: string | undefined;
    do {
      const page = await registrar.streams({ limit: PAGE, after, live: true });
      for (const { stream, origin } of page.streams) streams.set(stream, origin);
      after = page.next;
    } while (after !== undefined);
    return { origins, streams };
  }

  #compare(before: Seen, now: Seen): void {
    const { events } = this.#options;
    for (const [server, state] of now.origins) {
      const known = before.origins.get(server);
      if (known === state) continue;
      const type = known === undefined ? "origin_added" : "origin_changed";
      events.tell(type, { server, ...JSON.parse(state) });
    }
    for (const server of before.origins.keys()) {
      if (!now.origins.has(server)) events.tell("origin_removed", { server });
    }
    for (const [stream, origin] of now.streams) {
      const known = before.streams.get(stream);
      if (known === undefined) events.tell("stream_started", { stream, origin });
      else if (known !== origin) events.tell("stream_moved", { stream, origin, from: known });
    }
    for (const [stream, origin] of before.streams) {
      if (!now.streams.has(stream)) events.tell("stream_ended", { stream, origin });
    }
  }
}
