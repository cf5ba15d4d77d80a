// One client of WebRTC over TCP: passes framed datagrams to the forwarder and back. Until it has
// proved itself, a client may send only Binding requests. A client that reads too slowly loses
// datagrams; what waits for it is bounded, here and in the system.

import { type Clock, pause } from "../../core/clock.ts";
import { ProtocolError } from "../../core/errors.ts";
import type { Connection } from "../../net/engine.ts";
import type { Deadline } from "../../net/deadline.ts";
import { MAX_DATAGRAM } from "../../net/udp/port.ts";
import { toRawAddress } from "../../net/udp/raw_address.ts";
import { FRAME_HEADER, FrameReader, writeFrame } from "../../protocol/rtc/framing.ts";
import { isBindingRequest, parseBindingRequest } from "../../protocol/rtc/stun.ts";
import type { ConnectionForwarder } from "./client_connection.ts";
import type { ClientConnection, MediaPath } from "./media_path.ts";

/** Size of the receive buffer, bytes. */
const CAPACITY = 8_192;
/** Most requests of a client that has not proved itself; browsers send about twenty a second. */
const MOST_REQUESTS = 250;
/** Most unsent bytes in the system's buffer: half a second of high-resolution video. */
const MOST_UNSENT = 256 * 1024;
/** Most bytes that wait here in addition. */
const MOST_WAITING = 32 * 1024;
/** Most bytes read from one client before the others get their turn. */
const SHARE = 64 * 1024;
const LONGEST_FRAME = FRAME_HEADER + MAX_DATAGRAM;

/** Why a connection is closed before its client has proved itself. */
export type IceRefusal = "malformed" | "unproved";

/**
 * The memory in which frames are made, shared by all clients of a thread, because the system
 * usually takes a frame at once.
 */
export class FrameMemory {
  #bytes = new Uint8Array(LONGEST_FRAME);

  /** @returns the frame, valid until the next call unless `take` is called */
  make(datagram: Uint8Array, length: number): Uint8Array {
    return this.#bytes.subarray(0, writeFrame(this.#bytes, datagram, length));
  }

  /** Leaves the memory of the last frame to the caller, for as long as it is needed. */
  take(): void {
    this.#bytes = new Uint8Array(LONGEST_FRAME);
  }
}

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
  /** Frames that wait for the current write to finish, in the first `#waitingLength` bytes. */
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
   * Reads until the connection ends.
   *
   * @param timeout milliseconds within which the client has to prove itself
   * @param clock the engine's clock
   * @returns why it was closed, if the client has not proved itself
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
    // The system has nearly always taken all of it already.
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
