// RTMP messages as values, their type ids, and splitting them into chunks. Stateless: headers are
// always written in full. "Adobe RTMP Specification 1.0", sections 5.3–7.1.

import { ByteWriter } from "../../core/byte_writer.ts";

/** Message type ids, sections 5.4, 6.2 and 7.1. */
export const MessageType = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAcknowledgementSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  commandAmf3: 17,
  commandAmf0: 20,
  aggregate: 22,
} as const;

/** Event types of User Control messages, section 7.1.7. */
export const UserControl = {
  setBufferLength: 3,
  pingRequest: 6,
  pingResponse: 7,
} as const;

/** Chunk stream of protocol control messages, section 5.4. */
export const CONTROL_CHUNK_STREAM = 2;
/** Chunk stream on which commands are answered, as in SRS. */
export const COMMAND_CHUNK_STREAM = 3;

export interface RtmpMessage {
  /** The chunk stream it was received on or is to be sent on. */
  readonly chunkStream: number;
  /** Milliseconds modulo 2³². */
  readonly timestamp: number;
  readonly type: number;
  readonly streamId: number;
  readonly body: Uint8Array;
}

/** Writes the header of a chunk that begins a message, always in full (type 0). */
export function writeFullHeader(
  out: ByteWriter,
  message: Omit<RtmpMessage, "body">,
  length: number,
): void {
  writeBasicHeader(out, 0, message.chunkStream);
  const extended = message.timestamp >= 0xffffff;
  out.u24(extended ? 0xffffff : message.timestamp).u24(length).u8(message.type);
  out.u32LittleEndian(message.streamId);
  if (extended) out.u32(message.timestamp);
}

/** Writes the header of a chunk that continues a message (type 3). */
export function writeContinuation(out: ByteWriter, chunkStream: number, timestamp: number): void {
  writeBasicHeader(out, 3, chunkStream);
  if (timestamp >= 0xffffff) out.u32(timestamp);
}

function writeBasicHeader(out: ByteWriter, format: number, chunkStream: number): void {
  if (chunkStream < 64) out.u8((format << 6) | chunkStream);
  else if (chunkStream < 320) out.u8(format << 6).u8(chunkStream - 64);
  else out.u8((format << 6) | 1).u8((chunkStream - 64) & 0xff).u8((chunkStream - 64) >> 8);
}

/**
 * Appends a message in chunks of at most `chunkSize` bytes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { ByteWriter } from "../../core/byte_writer.ts";
 *
 * const body = new Uint8Array(200);
 * const { commandAmf0: type } = MessageType;
 * const message = { chunkStream: 3, timestamp: 0, type, streamId: 0, body };
 * const out = new ByteWriter();
 * writeMessage(out, message, 128);
 * assert.equal(out.finish().length, 12 + 128 + 1 + 72, "a full header and a continuation");
 * ```
 */
export function writeMessage(out: ByteWriter, message: RtmpMessage, chunkSize: number): void {
  const { body, chunkStream, timestamp } = message;
  writeFullHeader(out, message, body.length);
  for (let at = 0; at < body.length; at += chunkSize) {
    if (at > 0) writeContinuation(out, chunkStream, timestamp);
    out.bytes(body.subarray(at, at + chunkSize));
  }
}

/**
 * Appends a protocol control message whose body is one 32-bit number, section 5.4.
 *
 * @param chunkSize in force before this message
 */
export function writeControl(
  out: ByteWriter,
  type: number,
  value: number,
  chunkSize: number,
): void {
  const body = new ByteWriter(4).u32(value).finish();
  writeMessage(out, { ...CONTROL, type, body }, chunkSize);
}

/** Set Peer Bandwidth with limit type "dynamic", section 5.4.5. */
export function peerBandwidth(bytes: number): RtmpMessage {
  const body = new ByteWriter(5).u32(bytes).u8(2).finish();
  return { ...CONTROL, type: MessageType.setPeerBandwidth, body };
}

/** A User Control message with an event and one 32-bit number, section 6.2. */
export function userControl(event: number, value: number): RtmpMessage {
  const body = new ByteWriter(6).u16(event).u32(value).finish();
  return { ...CONTROL, type: MessageType.userControl, body };
}

const CONTROL = { chunkStream: CONTROL_CHUNK_STREAM, timestamp: 0, streamId: 0 } as const;
