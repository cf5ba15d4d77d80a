// The proxy's own messages to a peer, each whole and in one chunk. Simple peers do not accept a
// message of several chunks before they have been told a chunk size, so one that would not fit is
// preceded by a chunk size into which it does. "Adobe RTMP Specification 1.0", sections 5.3 and
// 5.4.

import { ByteWriter } from "../../core/byte_writer.ts";
import { DEFAULT_CHUNK_SIZE } from "./chunk_scanner.ts";
import { MessageType, type RtmpMessage, writeControl, writeMessage } from "./message.ts";

/** The chunk size that SRS sets by default, and the proxy with it. */
export const OWN_CHUNK_SIZE = 60000;

const NOTHING = new Uint8Array();

/** The proxy's voice on one connection: collects what to write, knows the chunk size in force. */
export class MessageWriter {
  /** Nothing while there is nothing to say, which is nearly always. */
  #out: ByteWriter | undefined;
  #chunkSize = DEFAULT_CHUNK_SIZE;

  /** The chunk size that the peer expects after everything said so far. */
  get chunkSize(): number {
    return this.#chunkSize;
  }

  /** Bytes that did not come from here have set another chunk size. */
  follow(chunkSize: number): void {
    this.#chunkSize = chunkSize;
  }

  /** Sets the chunk size, unless it is that already. */
  setChunkSize(chunkSize: number): void {
    if (chunkSize === this.#chunkSize) return;
    this.control(MessageType.setChunkSize, chunkSize);
    this.#chunkSize = chunkSize;
  }

  /** A protocol control message of one 32-bit number. */
  control(type: number, value: number): void {
    writeControl(this.#out ??= new ByteWriter(), type, value, this.#chunkSize);
  }

  /** A message in one chunk, preceded by a larger chunk size if it needs one. */
  say(message: RtmpMessage): void {
    const { length } = message.body;
    if (length > this.#chunkSize) this.setChunkSize(Math.max(length, OWN_CHUNK_SIZE));
    writeMessage(this.#out ??= new ByteWriter(), message, this.#chunkSize);
  }

  /**
   * A message that somebody else has said, cut as it was: an origin hears the client's messages in
   * the client's chunk size, since a chunk size that shrinks makes nginx-rtmp write past its buffer.
   */
  repeat(message: RtmpMessage): void {
    writeMessage(this.#out ??= new ByteWriter(), message, this.#chunkSize);
  }

  /** Everything said since the last call. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#out?.finish() ?? NOTHING;
    this.#out = undefined;
    return bytes;
  }
}
