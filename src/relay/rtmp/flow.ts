// One direction of a relayed connection: from a sender through a ChunkRelay to a receiver. This is
// the packet path: no registry, log or timer.

import type { Inbox } from "../../net/inbox.ts";
import type { Connection, Pipe, PipeEnd, TcpEngine } from "../../net/engine.ts";
import type { ChunkRelay } from "../../protocol/rtmp/chunk_relay.ts";

/** The parts of one direction. */
export interface Direction {
  readonly inbox: Inbox;
  readonly relay: ChunkRelay;
  /** A read of the inbox that has already been started. */
  readonly pendingRead: Promise<boolean> | undefined;
}

export interface Ends {
  readonly from: Connection;
  readonly to: Connection;
}

export class Flow {
  readonly from: Connection;
  readonly relay: ChunkRelay;
  readonly #engine: TcpEngine;
  readonly #to: Connection;
  readonly #inbox: Inbox;
  #pendingRead: Promise<boolean> | undefined;
  #pipe: Pipe | undefined;

  constructor(engine: TcpEngine, { inbox, relay, pendingRead }: Direction, { from, to }: Ends) {
    this.#engine = engine;
    this.from = from;
    this.relay = relay;
    this.#to = to;
    this.#inbox = inbox;
    this.#pendingRead = pendingRead;
  }

  /**
   * Moves bytes until one side ends or the client asks for a stream. In the latter case
   * `relay.wish` is that command, and the next run continues after it.
   *
   * @throws ProtocolError when the sender breaks the chunk stream
   */
  run(): Promise<PipeEnd> {
    const pendingRead = this.#pendingRead;
    this.#pendingRead = undefined;
    // Not async: there is one of these promises for each direction of every player, mostly pending.
    if (pendingRead === undefined) return this.#flow();
    return pendingRead.then((isThere) => isThere ? this.#flow() : "sender_closed");
  }

  #flow(): Promise<PipeEnd> {
    const { from, relay: transform } = this;
    this.#pipe = this.#engine.pipe({ from, to: this.#to, inbox: this.#inbox, transform });
    return this.#pipe.ended;
  }

  /** See `Pipe.insert`. */
  insert(make: () => Uint8Array | undefined): boolean {
    return this.#pipe?.insert(make) ?? false;
  }
}
