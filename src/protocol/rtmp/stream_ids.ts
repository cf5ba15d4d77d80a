// Maps message stream ids between a client and its origin. Each side has its own, and they are
// nearly always the same; then nothing is changed. "Adobe RTMP Specification 1.0", section 7.1.7
// and 7.2.2 for the places where an id appears inside a body.

import { ByteReader } from "../../core/byte_reader.ts";
import { readAmf0 } from "./amf0.ts";
import { isCommandType, parseCommand, saysNothing } from "./command.ts";
import { MessageType, type RtmpMessage, UserControl } from "./message.ts";

/**
 * A two-way mapping; unknown ids map to themselves.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const ids = new StreamIds();
 * ids.map(1, 5);
 * assert.deepEqual([ids.toOrigin(1), ids.toClient(5), ids.toOrigin(0)], [5, 1, 0]);
 * ```
 */
export class StreamIds {
  readonly #originIds = new Map<number, number>();
  readonly #clientIds = new Map<number, number>();

  /** Whether every id is the same on both sides. */
  get isIdentity(): boolean {
    for (const [client, origin] of this.#originIds) if (client !== origin) return false;
    return true;
  }

  /** Records that the origin has given `origin` where the proxy has given the client `client`. */
  map(client: number, origin: number): void {
    this.#originIds.set(client, origin);
    this.#clientIds.set(origin, client);
  }

  /**
   * Records which stream the client is using: messages with the corresponding origin id are for it.
   */
  use(client: number): void {
    this.#clientIds.set(this.toOrigin(client), client);
  }

  toOrigin(client: number): number {
    return this.#originIds.get(client) ?? client;
  }

  toClient(origin: number): number {
    return this.#clientIds.get(origin) ?? origin;
  }

  /** The same message with the origin's ids; the body is copied only if it must change. */
  forOrigin(message: RtmpMessage): RtmpMessage {
    return withIds(message, (id) => this.toOrigin(id));
  }

  /** The same message with the client's ids. */
  forClient(message: RtmpMessage): RtmpMessage {
    return withIds(message, (id) => this.toClient(id));
  }
}

function withIds(message: RtmpMessage, map: (id: number) => number): RtmpMessage {
  const streamId = message.streamId === 0 ? 0 : map(message.streamId);
  return { ...message, streamId, body: bodyWithIds(message, map) };
}

function bodyWithIds(message: RtmpMessage, map: (id: number) => number): Uint8Array {
  const { body, type } = message;
  const at = type === MessageType.userControl ? 2 : deleteStreamIdOffset(message);
  if (at === undefined || body.length < at + 4) return body;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (type === MessageType.userControl && !namesStream(view.getUint16(0))) return body;
  const id = type === MessageType.userControl ? view.getUint32(at) : view.getFloat64(at);
  const mapped = id === 0 ? 0 : map(id);
  if (mapped === id) return body;
  const copy = body.slice();
  const out = new DataView(copy.buffer);
  if (type === MessageType.userControl) out.setUint32(at, mapped);
  else out.setFloat64(at, mapped);
  return copy;
}

function namesStream(event: number): boolean {
  return event <= 4 || event === UserControl.setBufferLength;
}

/**
 * The offset of the stream id in the body of a deleteStream: the value after the command object.
 */
function deleteStreamIdOffset(message: RtmpMessage): number | undefined {
  if (!isCommandType(message.type) || saysNothing(message)) return undefined;
  const { name, values } = parseCommand(message);
  if (name !== "deleteStream" || typeof values[1] !== "number") return undefined;
  const reader = new ByteReader(message.body);
  if (message.type === MessageType.commandAmf3) reader.skip(1);
  for (let before = 0; before < 3; before++) readAmf0(reader);
  return reader.offset + 1;
}
