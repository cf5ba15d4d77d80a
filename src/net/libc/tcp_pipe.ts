// A pipe of the libc engine: reads into memory shared by all pipes of the thread, transforms it and sends
// the result, within one turn of the loop and without a promise. What the receiver does not take at once
// is copied, and nothing more is read for it until that is sent.

import type { Pipe, PipeOwner, PipeParts, Transform } from "../engine.ts";
import type { Inbox } from "../inbox.ts";
import type { EventLoop } from "./event_loop.ts";
import type { FlowEnd, LibcConnection } from "./tcp_connection.ts";

/** Bytes per read; bounds what waits for one receiver. */
const READ_SIZE = 65_536;
/** Pieces are gathered up to this size, so that they are sent together. */
const GATHER_SIZE = READ_SIZE + 8_192;

/** A thread's buffers for bytes that stay within a turn of its loop. */
export class PipeMemory {
  readonly received = new Uint8Array(READ_SIZE);
  readonly gathered = new Uint8Array(GATHER_SIZE);
}

/** See `Pipe`. */
export class LibcPipe implements Pipe, FlowEnd {
  readonly #from: LibcConnection;
  readonly #to: LibcConnection;
  readonly #inbox: Inbox;
  readonly #transform: Transform;
  readonly #loop: EventLoop;
  readonly #memory: PipeMemory;
  readonly #owner: PipeOwner;
  /** Bytes the receiver has not taken yet, from `#sent` on. */
  #waiting: Uint8Array | undefined;
  #sent = 0;
  /** Ends the pipe as soon as nothing is waiting to be sent. */
  #end: (() => void) | undefined;
  #isOver = false;

  constructor(parts: PipeParts, loop: EventLoop, memory: PipeMemory) {
    this.#loop = loop;
    this.#from = parts.from as LibcConnection;
    this.#to = parts.to as LibcConnection;
    this.#inbox = parts.inbox;
    this.#transform = parts.transform;
    this.#memory = memory;
    this.#owner = parts.owner;
    this.#start();
  }

  insert(make: () => Uint8Array | undefined): boolean {
    if (this.#isOver || this.#waiting !== undefined || this.#to.closed) return false;
    const bytes = make();
    if (bytes !== undefined) this.#send(bytes);
    return bytes !== undefined;
  }

  /** As the sender's end: bytes can be read. As the receiver's: bytes can be written. */
  proceed(): void {
    if (this.#waiting === undefined) this.#read();
    else this.#flush();
  }

  closed(): void {
    if (this.#to.closed) this.#finish(() => this.#owner.pipeEnded("receiver_closed"));
    else this.#endWhenSent(() => this.#owner.pipeEnded("sender_closed"));
  }

  #start(): void {
    if (this.#from.closed || this.#to.closed) return this.closed();
    const { bytes, length } = this.#inbox;
    if (length > 0) this.#inbox.consume(this.#pass(bytes, length));
    else if (this.#transform.isStopped) return this.#finish(() => this.#owner.pipeEnded("stopped"));
    this.#inbox.free();
    if (!this.#isOver && this.#waiting === undefined) this.#from.setSource(this);
  }

  #read(): void {
    const { received } = this.#memory;
    const count = this.#from.receive(received);
    if (count === undefined) return;
    if (count === null) return this.#finish(() => this.#owner.pipeEnded("sender_closed"));
    const taken = this.#pass(received, count);
    if (taken < count) this.#inbox.put(received.subarray(taken, count));
  }

  /** @returns how many of the `count` bytes were taken */
  #pass(bytes: Uint8Array, count: number): number {
    const transform = this.#transform;
    let taken = count;
    try {
      taken = transform.push(bytes, 0, count);
      const { untouched } = transform;
      if (untouched < 0) this.#sendAll(transform.takePieces());
      else if (untouched > 0) this.#send(bytes, untouched);
    } catch (error) {
      this.#endWhenSent(() => this.#owner.pipeFailed(error));
      return taken;
    }
    if (transform.isStopped) this.#endWhenSent(() => this.#owner.pipeEnded("stopped"));
    return taken;
  }

  /** Sends small pieces together. */
  #sendAll(pieces: readonly Uint8Array[]): void {
    if (pieces.length === 1) return this.#send(pieces[0]!);
    const { gathered } = this.#memory;
    let length = 0;
    for (const piece of pieces) {
      if (length + piece.length > GATHER_SIZE) {
        this.#send(gathered, length);
        length = 0;
      }
      if (piece.length > GATHER_SIZE) this.#send(piece);
      else {
        gathered.set(piece, length);
        length += piece.length;
      }
    }
    if (length > 0) this.#send(gathered, length);
  }

  #send(bytes: Uint8Array, length = bytes.length): void {
    if (this.#isOver || length === 0) return;
    if (this.#waiting !== undefined) return this.#keep(bytes.subarray(0, length));
    const count = this.#to.send(bytes, length);
    if (count === null) this.#finish(() => this.#owner.pipeEnded("receiver_closed"));
    else if (count < length) this.#keep(bytes.subarray(count, length));
  }

  #keep(bytes: Uint8Array): void {
    if (this.#waiting === undefined) {
      this.#waiting = bytes.slice();
      this.#sent = 0;
      this.#to.isWriting = true;
      this.#from.setSource(undefined);
      this.#to.setSink(this);
      return;
    }
    const waiting = new Uint8Array(this.#waiting.length - this.#sent + bytes.length);
    waiting.set(this.#waiting.subarray(this.#sent));
    waiting.set(bytes, waiting.length - bytes.length);
    this.#waiting = waiting;
    this.#sent = 0;
  }

  #flush(): void {
    const waiting = this.#waiting!;
    const count = this.#to.send(this.#sent === 0 ? waiting : waiting.subarray(this.#sent));
    if (count === null) return this.#finish(() => this.#owner.pipeEnded("receiver_closed"));
    this.#sent += count;
    if (this.#sent < waiting.length) return;
    this.#waiting = undefined;
    this.#to.isWriting = false;
    this.#to.setSink(undefined);
    if (this.#end !== undefined) this.#finish(this.#end);
    else if (this.#from.closed) this.closed();
    else this.#from.setSource(this);
  }

  #endWhenSent(end: () => void): void {
    if (this.#waiting === undefined) this.#finish(end);
    else this.#end = end;
  }

  #finish(end: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#from.closed) this.#from.setSource(undefined);
    if (this.#waiting !== undefined) {
      this.#waiting = undefined;
      this.#to.isWriting = false;
      if (!this.#to.closed) this.#to.setSink(undefined);
    }
    this.#loop.announce();
    queueMicrotask(end);
  }
}
