// Writes the proxy's own messages to a peer, each in one chunk. Simple peers do not accept a
// message in several chunks before they have been told a chunk size, so a message that would not
// fit is preceded by a larger chunk size. "Adobe RTMP Specification 1.0", sections 5.3 and 5.4.

import { ByteWriter } from "../../core/byte_writer.ts";
import { DEFAULT_CHUNK_SIZE } from "./chunk_scanner.ts";
import { MessageType, type RtmpMessage, writeControl, writeMessage } from "./message.ts";

/** The chunk size that SRS, and therefore the proxy, sets by default. */
export const OWN_CHUNK_SIZE = 60000;

const NOTHING = new Uint8Array();

/** Collects what the proxy writes on one connection; knows the chunk size in force. */
export class MessageWriter {
  /** Undefined while there is nothing to write, which is nearly always. */
  #out: ByteWriter | undefined;
  #chunkSize = DEFAULT_CHUNK_SIZE;

  /** The chunk size that the peer expects after everything written so far. */
  get chunkSize(): number {
    return this.#chunkSize;
  }

  /** Records a chunk size that other bytes on the connection have set. */
  follow(chunkSize: number): void {
    this.#chunkSize = chunkSize;
  }

  /** Writes a Set Chunk Size, unless that size is in force already. */
  setChunkSize(chunkSize: number): void {
    if (chunkSize === this.#chunkSize) return;
    this.control(MessageType.setChunkSize, chunkSize);
    this.#chunkSize = chunkSize;
  }

  /** Writes a protocol control message with one 32-bit number. */
  control(type: number, value: number): void {
    writeControl(this.#out ??= new ByteWriter(), type, value, this.#chunkSize);
  }

  /** Writes a message in one chunk, preceded by a larger chunk size if needed. */
  say(message: RtmpMessage): void {
    const { length } = message.body;
    if (length > this.#chunkSize) this.setChunkSize(Math.max(length, OWN_CHUNK_SIZE));
    writeMessage(this.#out ??= new ByteWriter(), message, this.#chunkSize);
  }

  /**
   * Writes a message of another sender in the chunk size in force: an origin gets the client's
   * messages in the client's chunk size, because a shrinking chunk size makes nginx-rtmp write past
   * its buffer.
   */
  repeat(message: RtmpMessage): void {
    writeMessage(this.#out ??= new ByteWriter(), message, this.#chunkSize);
  }

  /** Everything written since the last call. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#out?.finish() ?? NOTHING;
    this.#out = undefined;
    return bytes;
  }
}
