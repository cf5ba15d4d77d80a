// Assembles chunks into whole messages while two peers are still negotiating. Bytes are charged to
// a memory budget as they arrive. "Adobe RTMP Specification 1.0", section 5.3.

import { ProtocolError } from "../../core/errors.ts";
import type { Memory } from "../../core/memory.ts";
import type { ChunkStream, ChunkVisitor } from "./chunk_scanner.ts";
import { MAX_COMMAND } from "./command.ts";
import { collectMessage, dropMessage, putMessageBack, Treatment } from "./header_sharing.ts";
import { MessageType, type RtmpMessage } from "./message.ts";
import { MessageBodies } from "./message_bodies.ts";

/** Most bytes of messages that a conversation may keep. */
export const MAX_CONVERSATION = 262144;

/** Takes ownership of a whole message; returns true to stop after it. */
export type OnMessage = (message: RtmpMessage, stream: ChunkStream) => boolean;

/**
 * Collects every message except media, which does not belong in a conversation and is dropped.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ByteWriter } from "../../core/byte_writer.ts";
 * import { ChunkScanner, DEFAULT_CHUNK_SIZE } from "./chunk_scanner.ts";
 * import { MessageType, type RtmpMessage, writeMessage } from "./message.ts";
 *
 * const body = new Uint8Array(300).fill(7);
 * const sent = { chunkStream: 3, timestamp: 0, type: MessageType.commandAmf0, streamId: 0, body };
 * const out = new ByteWriter();
 * writeMessage(out, sent, DEFAULT_CHUNK_SIZE);
 *
 * const received: RtmpMessage[] = [];
 * const assembler = new MessageAssembler((message) => received.push(message) < 0);
 * new ChunkScanner().push(out.finish(), 0, assembler);
 * assert.deepEqual(received, [sent]);
 * ```
 */
export class MessageAssembler implements ChunkVisitor {
  /** Bodies of unfinished messages. */
  readonly bodies: MessageBodies;
  readonly #onMessage: OnMessage;

  /** @param memory the budget for unfinished messages; the owner of a complete one counts it */
  constructor(onMessage: OnMessage, memory?: Memory) {
    this.#onMessage = onMessage;
    this.bodies = new MessageBodies(memory);
  }

  /**
   * Starts collecting the message that a chunk begins.
   *
   * @param keepMedia whether to collect audio and video too, which are not charged
   * @throws ProtocolError when the message is too long
   */
  collect(stream: ChunkStream, keepMedia: boolean): void {
    if (isMedia(stream.type) && !keepMedia) return dropMessage(stream);
    collectMessage(stream);
    const isCounted = !isMedia(stream.type);
    if (isCounted && stream.length > MAX_COMMAND) {
      throw new ProtocolError(
        `Cannot accept a message of ${stream.length} bytes before publish or play`,
      );
    }
    this.bodies.begin(stream, isCounted);
  }

  onHeader(stream: ChunkStream, _format: number, first: boolean): void {
    if (first) this.collect(stream, false);
  }

  onPayload(stream: ChunkStream, data: Uint8Array, start: number, end: number): void {
    if (stream.treatment === Treatment.drop) return;
    this.bodies.append(stream, data.subarray(start, end));
  }

  onChunkEnd(stream: ChunkStream, last: boolean): boolean {
    if (!last || stream.treatment === Treatment.drop) return false;
    const body = this.bodies.end(stream);
    putMessageBack(stream);
    return this.#onMessage(messageOf(stream, body), stream);
  }
}

/** The current message of a chunk stream, with the given body. */
export function messageOf(stream: ChunkStream, body: Uint8Array): RtmpMessage {
  const { id, timestamp, type, streamId } = stream;
  return { chunkStream: id, timestamp, type, streamId, body };
}

/** Whether a message type carries audio or video. */
export function isMedia(type: number): boolean {
  return type === MessageType.audio || type === MessageType.video || type === MessageType.aggregate;
}
