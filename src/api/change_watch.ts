// Periodically looks for changes of origins and streams, whichever proxy caused them, and reports them as
// events. Looks only while somebody listens, and for a while after that, since listeners come back.

import type { Clock } from "../core/clock.ts";
import { logger } from "../core/log.ts";
import { labelsOf } from "../core/origin.ts";
import type { Registrar } from "../core/registrar.ts";
import type { EventFeed } from "./event_feed.ts";
import { stateOf } from "./origin_routes.ts";

export interface ChangeWatchOptions {
  readonly clock: Clock;
  readonly registrar: Pick<Registrar, "origins" | "streams">;
  readonly events: EventFeed;
}

const PERIOD = 1_000;
/** Milliseconds for which it goes on looking when nobody listens any more. */
const AFTERWARDS = 60_000;
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
  /** Absent while nobody needs to know. */
  #before: Seen | undefined;
  #look: Promise<void> | undefined;
  #end = 0;

  constructor(options: ChangeWatchOptions) {
    this.#options = options;
    this.#timer = options.clock.every(PERIOD, () => this.#tick());
  }

  /** To be awaited before listening: what happens afterwards is reported. */
  async begin(): Promise<void> {
    this.#goOn();
    if (this.#before === undefined) await this.#lookAgain();
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #goOn(): void {
    this.#end = this.#options.clock.now() + AFTERWARDS;
  }

  #tick(): void {
    const { clock, events } = this.#options;
    if (events.listeners > 0) this.#goOn();
    if (clock.now() < this.#end) return void this.#lookAgain();
    if (this.#before === undefined) return;
    this.#before = undefined;
    events.interrupt();
  }

  #lookAgain(): Promise<void> {
    return this.#look ??= this.#compareWithNow().finally(() => this.#look = undefined);
  }

  async #compareWithNow(): Promise<void> {
    const { events } = this.#options;
    try {
      const now = await this.#see();
      if (this.#before !== undefined) this.#compare(this.#before, now);
      // It has failed when they began to listen.
      else if (events.listeners > 0) events.interrupt();
      this.#before = now;
    } catch (error) {
      LOG.error("Cannot look for changes", { error });
    }
  }

  async #see(): Promise<Seen> {
    const { registrar } = this.#options;
    const origins = new Map<string, string>();
    for (const status of await registrar.origins()) {
      const { origin, settings } = status;
      const { draining, weight } = settings;
      const { id, generation } = origin;
      const labels = labelsOf(origin, settings);
      const state = { state: stateOf(status), draining, weight, labels, generation };
      origins.set(id, JSON.stringify(state));
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
