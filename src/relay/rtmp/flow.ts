// One direction of a relayed connection: from a sender through a ChunkRelay to a receiver. This is
// the packet path: no registry, log or timer.

import type { Inbox } from "../../net/inbox.ts";
import type { Connection, Pipe, PipeEnd, PipeOwner, TcpEngine } from "../../net/engine.ts";
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

/** Is told how a run has ended. */
export interface FlowOwner {
  flowEnded(flow: Flow, end: PipeEnd): void;
  /** The sender breaks the chunk stream, or there is a bug. */
  flowFailed(flow: Flow, error: unknown): void;
}

export class Flow implements PipeOwner {
  readonly from: Connection;
  readonly relay: ChunkRelay;
  readonly #engine: TcpEngine;
  readonly #to: Connection;
  readonly #inbox: Inbox;
  readonly #owner: FlowOwner;
  #pendingRead: Promise<boolean> | undefined;
  #pipe: Pipe | undefined;
  #isRunning = false;
  #rest: PromiseWithResolvers<void> | undefined;

  constructor(
    engine: TcpEngine,
    { inbox, relay, pendingRead }: Direction,
    { from, to }: Ends,
    owner: FlowOwner,
  ) {
    this.#engine = engine;
    this.from = from;
    this.relay = relay;
    this.#to = to;
    this.#inbox = inbox;
    this.#pendingRead = pendingRead;
    this.#owner = owner;
  }

  /**
   * Moves bytes until one side ends or the client asks for a stream. In the latter case
   * `relay.wish` is that command, and the next run continues after it.
   */
  run(): void {
    const pendingRead = this.#pendingRead;
    this.#pendingRead = undefined;
    this.#isRunning = true;
    if (pendingRead === undefined || this.from.withdrawRead()) return this.#flow();
    pendingRead.then(
      (isThere) => isThere ? this.#flow() : this.pipeEnded("sender_closed"),
      (error) => this.pipeFailed(error),
    );
  }

  /** Resolves when it does not run. */
  settled(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    this.#rest ??= Promise.withResolvers();
    return this.#rest.promise;
  }

  #flow(): void {
    const { from, relay: transform } = this;
    const [to, inbox] = [this.#to, this.#inbox];
    this.#pipe = this.#engine.pipe({ from, to, inbox, transform, owner: this });
  }

  pipeEnded(end: PipeEnd): void {
    this.#stop();
    this.#owner.flowEnded(this, end);
  }

  pipeFailed(error: unknown): void {
    this.#stop();
    this.#owner.flowFailed(this, error);
  }

  #stop(): void {
    this.#isRunning = false;
    this.#rest?.resolve();
    this.#rest = undefined;
  }

  /** See `Pipe.insert`. */
  insert(make: () => Uint8Array | undefined): boolean {
    return this.#pipe?.insert(make) ?? false;
  }
}
