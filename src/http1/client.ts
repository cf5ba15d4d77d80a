// A client's connection across its requests: buffers what has been received but not handled, and
// notices if the client leaves while it waits for an answer.

import { Inbox } from "../net/inbox.ts";
import type { Connection } from "../net/engine.ts";

/** Most bytes of later requests that are read while one is being answered. */
const MAX_AHEAD = 16384;

/** The receiving side of one connection. At most one read is under way at any time. */
export class HttpClient {
  readonly connection: Connection;
  readonly inbox = new Inbox();
  #reading: Promise<boolean> | undefined;
  #watcher: (() => void) | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** The read in progress, to be awaited after closing the connection. */
  get reading(): Promise<boolean> | undefined {
    return this.#reading;
  }

  /** Starts one read, or joins the one in progress. @returns false when the connection has ended */
  more(): Promise<boolean> {
    this.#reading ??= this.inbox.more(this.connection).then((isThere) => {
      this.#reading = undefined;
      return isThere;
    }, (error) => {
      this.#reading = undefined;
      throw error;
    });
    return this.#reading;
  }

  /**
   * Keeps reading while a request is being answered, to notice when the client leaves. Once
   * `MAX_AHEAD` bytes of later requests have arrived it stops, and only a failing write shows it.
   *
   * @param onGone called once when the client is gone, unless `unwatch` was called before
   */
  watch(onGone: () => void): void {
    this.#watcher = onGone;
    if (this.#reading === undefined) this.inbox.shrink();
    this.#watch(onGone);
  }

  /** Stops watching: the request has been answered, and what arrives now is the next one. */
  unwatch(): void {
    this.#watcher = undefined;
  }

  /** Not a loop of an async function, because there is one of these for every idle player. */
  #watch(onGone: () => void): void {
    if (this.#watcher !== onGone || this.inbox.length >= MAX_AHEAD) return;
    const leave = () => void (this.#watcher === onGone && onGone());
    this.more().then((isThere) => isThere ? this.#watch(onGone) : leave(), leave);
  }
}
