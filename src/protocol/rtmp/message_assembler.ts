// Puts chunks together to whole messages while two peers still talk about what to do. Everything
// it keeps counts against one bound. "Adobe RTMP Specification 1.0", section 5.3.

import { ProtocolError } from "../../core/errors.ts";
import {
  type ChunkStream,
  type ChunkVisitor,
  Shared,
  sharedBehind,
  Treatment,
} from "./chunk_scanner.ts";
import { MAX_COMMAND } from "./command.ts";
import { MessageType, type RtmpMessage } from "./message.ts";

/** Bytes that one conversation may keep, finished messages and unfinished ones together. */
export const MAX_CONVERSATION = 262144;

/** Takes a whole message, which it owns; returns true to stop behind it. */
export type OnMessage = (message: RtmpMessage, stream: ChunkStream) => boolean;

/** Collects every message except media, which has no place in a conversation and is dropped. */
export class MessageAssembler implements ChunkVisitor {
  readonly #onMessage: OnMessage;
  readonly #bodies = new Map<number, Uint8Array>();
  #kept = 0;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  /** Bodies of unfinished messages by chunk stream, filled as far as their stream has received. */
  get bodies(): ReadonlyMap<number, Uint8Array> {
    return this.#bodies;
  }

  /**
   * Begins to collect the message that a chunk begins.
   *
   * @param keepMedia whether audio and video count as messages too: their first chunk does
   * @throws ProtocolError when a message or the whole conversation is too long
   */
  collect(stream: ChunkStream, keepMedia: boolean): void {
    stream.shared = Shared.none;
    if (isMedia(stream.type) && !keepMedia) {
      stream.treatment = Treatment.drop;
      return;
    }
    stream.treatment = Treatment.collect;
    if (!isMedia(stream.type)) this.#count(stream);
    this.#bodies.set(stream.id, new Uint8Array(stream.length));
  }

  #count(stream: ChunkStream): void {
    if (stream.length > MAX_COMMAND) {
      throw new ProtocolError(
        `Cannot take a message of ${stream.length} bytes before publish or play`,
      );
    }
    this.#kept += stream.length;
    if (this.#kept > MAX_CONVERSATION) {
      throw new ProtocolError(`Cannot talk for more than ${MAX_CONVERSATION} bytes`);
    }
  }

  onHeader(stream: ChunkStream, _format: number, first: boolean): void {
    if (first) this.collect(stream, false);
  }

  onPayload(stream: ChunkStream, data: Uint8Array, start: number, end: number): void {
    if (stream.treatment === Treatment.drop) return;
    this.#bodies.get(stream.id)?.set(data.subarray(start, end), stream.received - (end - start));
  }

  onChunkEnd(stream: ChunkStream, last: boolean): boolean {
    if (!last || stream.treatment === Treatment.drop) return false;
    const body = this.#bodies.get(stream.id) ?? new Uint8Array();
    this.#bodies.delete(stream.id);
    stream.shared = sharedBehind(stream);
    return this.#onMessage(messageOf(stream, body), stream);
  }
}

/** The message that a chunk stream is at, with the body given. */
export function messageOf(stream: ChunkStream, body: Uint8Array): RtmpMessage {
  const { id, timestamp, type, streamId } = stream;
  return { chunkStream: id, timestamp, type, streamId, body };
}

/** Whether a message type carries audio or video. */
export function isMedia(type: number): boolean {
  return type === MessageType.audio || type === MessageType.video || type === MessageType.aggregate;
}
