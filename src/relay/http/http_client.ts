// A client's connection over all of its requests: what it has sent and has not been dealt with, and
// whether it is still there while it waits for an answer.

import { Inbox } from "../../net/inbox.ts";
import type { TcpConnection } from "../../net/tcp_connection.ts";

/** The receiving side of one connection. At most one read is under way at any time. */
export class HttpClient {
  readonly connection: TcpConnection;
  readonly inbox = new Inbox();
  #reading: Promise<boolean> | undefined;

  constructor(connection: TcpConnection) {
    this.connection = connection;
  }

  /** A read that is under way, for whoever closes the connection. */
  get reading(): Promise<boolean> | undefined {
    return this.#reading;
  }

  /** Reads once more behind what is there. @returns false when the connection is over */
  more(): Promise<boolean> {
    this.#reading ??= this.inbox.more(this.connection).finally(() => this.#reading = undefined);
    return this.#reading;
  }

  /**
   * Reads on while a request is being answered, so that a client that leaves is noticed. One that
   * has sent its next request already is not read further: it shows by a write that fails.
   *
   * @param onGone called once when the client is gone
   */
  watch(onGone: () => void): void {
    if (this.inbox.length > 0) return;
    if (this.#reading === undefined) this.inbox.shrink();
    this.more().then((isThere) => isThere || onGone());
  }
}
