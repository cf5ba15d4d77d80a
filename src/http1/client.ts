// A client's connection over all of its requests: what it has sent that has not been handled, and
// whether it is still there while it waits for an answer.

import { Inbox } from "../net/inbox.ts";
import type { Connection } from "../net/engine.ts";

/** Bytes of further requests that are read while one is being answered. */
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

  /** The read in progress, for whoever closes the connection. */
  get reading(): Promise<boolean> | undefined {
    return this.#reading;
  }

  /** Reads more, once. @returns false when the connection is over */
  more(): Promise<boolean> {
    this.#reading ??= this.inbox.more(this.connection).finally(() => this.#reading = undefined);
    return this.#reading;
  }

  /**
   * Reads on while a request is being answered, so that a client that leaves is noticed. Of one that
   * already sends its next requests only a few are read: then a failing write shows it.
   *
   * @param onGone called once when the client is gone, unless `unwatch` was called before
   */
  watch(onGone: () => void): void {
    this.#watcher = onGone;
    if (this.#reading === undefined) this.inbox.shrink();
    this.#watch(onGone);
  }

  /** The request has been answered: what comes now is another one. */
  unwatch(): void {
    this.#watcher = undefined;
  }

  async #watch(onGone: () => void): Promise<void> {
    while (this.#watcher === onGone && this.inbox.length < MAX_AHEAD) {
      if (await this.more()) continue;
      if (this.#watcher === onGone) onGone();
      return;
    }
  }
}
