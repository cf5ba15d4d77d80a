// One client of WebRTC over TCP: its datagrams in frames, to the forwarder and from it. Until it has proved
// itself it may say nothing but requests. One that takes less than its origin sends loses datagrams; what
// waits for it is bounded, here and in the system.

import { type Clock, pause } from "../../core/clock.ts";
import { ProtocolError } from "../../core/errors.ts";
import type { Connection } from "../../net/engine.ts";
import type { Deadline } from "../../net/deadline.ts";
import { MAX_DATAGRAM } from "../../net/udp/port.ts";
import { toRawAddress } from "../../net/udp/raw_address.ts";
import { FRAME_HEADER, FrameReader, writeFrame } from "../../protocol/rtc/framing.ts";
import { isBindingRequest, parseBindingRequest } from "../../protocol/rtc/stun.ts";
import type { ConnectionForwarder } from "./client_connection.ts";
import type { ClientConnection, MediaPath } from "./media_sessions.ts";

/** Memory for what comes. */
const CAPACITY = 8_192;
/** Requests of one that has not proved itself: browsers ask about twenty times a second. */
const MOST_REQUESTS = 250;
/** What may wait in the system and not be sent, bytes: half a second of a picture in high resolution. */
const MOST_UNSENT = 256 * 1024;
/** What may wait here behind that. */
const MOST_WAITING = 32 * 1024;
/** Bytes that are read of one before all others get their turn, if so many are there. */
const SHARE = 64 * 1024;
const LONGEST_FRAME = FRAME_HEADER + MAX_DATAGRAM;

/** Why a connection is closed before its client has proved itself. */
export type IceRefusal = "malformed" | "unproved";

/** Where frames are made, one for all clients of a thread: as a rule the system takes them at once. */
export class FrameMemory {
  #bytes = new Uint8Array(LONGEST_FRAME);

  /** @returns the frame; whoever does not give it back at once takes the memory */
  make(datagram: Uint8Array, length: number): Uint8Array {
    return this.#bytes.subarray(0, writeFrame(this.#bytes, datagram, length));
  }

  /** Somebody needs the bytes that were made last for longer. */
  take(): void {
    this.#bytes = new Uint8Array(LONGEST_FRAME);
  }
}

/** See above. */
export class IceClient implements ClientConnection {
  readonly #connection: Connection;
  readonly #forwarder: ConnectionForwarder;
  readonly #frames: FrameMemory;
  readonly #reader = new FrameReader({ longest: MAX_DATAGRAM, capacity: CAPACITY });
  readonly #sender: Uint8Array<ArrayBuffer>;
  #path: MediaPath | undefined;
  #hasProved = false;
  #requests = 0;
  #tooLong = 0;
  #deadline: Deadline | undefined;
  /** Frames behind those that are being written, and how much of it they are. */
  #waiting: Uint8Array | undefined;
  #waitingLength = 0;

  constructor(
    connection: Connection,
    forwarder: ConnectionForwarder,
    frames: FrameMemory,
  ) {
    this.#connection = connection;
    this.#forwarder = forwarder;
    this.#frames = frames;
    this.#sender = toRawAddress(connection.peer);
    connection.boundUnsent(MOST_UNSENT);
  }

  get path(): MediaPath | undefined {
    return this.#path;
  }

  set path(path: MediaPath | undefined) {
    this.#path = path;
    if (path === undefined) return;
    this.#hasProved = true;
    this.#deadline?.[Symbol.dispose]();
  }

  get isClosed(): boolean {
    return this.#connection.closed;
  }

  close(): void {
    this.#connection.close();
  }

  /**
   * Reads until the connection is over.
   *
   * @param timeout milliseconds within which the client has to prove itself
   * @param clock of its engine
   * @returns why it was closed, if its client has not
   */
  async run(timeout: number, clock: Clock): Promise<IceRefusal | undefined> {
    let share = SHARE;
    this.#deadline = this.#connection.closeAfter(timeout);
    using deadline = this.#deadline;
    try {
      for (let count; (count = await this.#connection.read(this.#reader.space)) !== null;) {
        this.#reader.received(count);
        const refusal = this.#takeAll();
        if (refusal !== undefined) return refusal;
        share -= count;
        if (share > 0) continue;
        share = SHARE;
        await pause(clock, 0);
      }
    } finally {
      this.#forwarder.left(this);
    }
    if (this.#hasProved) return undefined;
    return deadline.passed || this.#connection.bytesIn > 0 ? "unproved" : undefined;
  }

  send(buffer: Uint8Array, length: number): boolean {
    const connection = this.#connection;
    if (connection.isWriting) return this.#wait(buffer, length);
    this.#write(this.#frames.make(buffer, length));
    if (connection.isWriting) this.#frames.take();
    return true;
  }

  /** @returns why the connection is to be closed, if it is */
  #takeAll(): IceRefusal | undefined {
    const reader = this.#reader;
    for (let datagram; (datagram = reader.next()) !== undefined;) {
      if (!this.#hasProved && !isRequest(datagram)) return "malformed";
      if (!this.#hasProved && ++this.#requests > MOST_REQUESTS) return "unproved";
      const { length } = datagram;
      const from = { buffer: datagram, length, sender: this.#sender };
      this.#forwarder.fromClient(from, this)?.send(datagram);
      if (this.#connection.closed) return undefined;
    }
    if (!this.#hasProved && reader.empty + reader.tooLong > 0) return "malformed";
    if (reader.tooLong > this.#tooLong) this.#forwarder.tooLong(reader.tooLong - this.#tooLong);
    this.#tooLong = reader.tooLong;
    return undefined;
  }

  #write(bytes: Uint8Array): void {
    const written = this.#connection.write(bytes);
    // Nearly always the system has taken all of it.
    if (this.#connection.isWriting) written.then(() => this.#writeWaiting(), () => this.close());
  }

  #wait(buffer: Uint8Array, length: number): boolean {
    const end = this.#waitingLength + FRAME_HEADER + length;
    if (end > MOST_WAITING || this.#connection.closed) return false;
    this.#waiting ??= new Uint8Array(MOST_WAITING);
    writeFrame(this.#waiting.subarray(this.#waitingLength), buffer, length);
    this.#waitingLength = end;
    return true;
  }

  #writeWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#connection.closed) return;
    this.#waiting = undefined;
    const length = this.#waitingLength;
    this.#waitingLength = 0;
    this.#write(waiting.subarray(0, length));
  }
}

function isRequest(datagram: Uint8Array): boolean {
  if (!isBindingRequest(datagram, datagram.length)) return false;
  try {
    parseBindingRequest(datagram);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
