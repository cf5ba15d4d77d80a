// What one side of an RTMP connection sends after the handshake, assembled message by message. The
// chunks are written by the tests' own writer, so that a test controls every header.

import type { Amf0Value } from "../../src/protocol/rtmp/amf0.ts";
import { encodeCommand, parseCommand } from "../../src/protocol/rtmp/command.ts";
import { type ChunkPlan, chunksOf, join, type WireMessage } from "./rtmp_wire.ts";

/** User Control events that name a message stream, section 7.1.7. */
const STREAM_EVENTS = [0, 1, 2, 3, 4];

/** How a command is sent; format 0 on chunk stream 3 and message stream 0 unless given. */
export type Envelope = Partial<Omit<ChunkPlan, "body">>;

export class Script {
  readonly #parts: Uint8Array[] = [];
  #chunkSize = 128;

  /** Everything written so far. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return join(this.#parts);
  }

  /** Adds an AMF0 command. */
  command(values: readonly Amf0Value[], envelope: Envelope = {}): this {
    return this.message({
      chunkStream: 3,
      format: 0,
      type: 20,
      streamId: 0,
      body: encodeCommand(...values),
      ...envelope,
    });
  }

  message(plan: ChunkPlan): this {
    this.#parts.push(...chunksOf({ chunkSize: this.#chunkSize, ...plan }));
    return this;
  }

  /** Adds the interleaved chunks of several messages. */
  mixed(...plans: readonly ChunkPlan[]): this {
    const chunked = plans.map((plan) => chunksOf({ chunkSize: this.#chunkSize, ...plan }));
    const rounds = Math.max(...chunked.map(({ length }) => length));
    for (let round = 0; round < rounds; round++) {
      for (const chunks of chunked) if (chunks[round] !== undefined) this.raw(chunks[round]!);
    }
    return this;
  }

  /**
   * Adds a protocol control message with one 32-bit number; a Set Chunk Size applies from here on.
   */
  control(type: number, value: number, envelope: Envelope = {}): this {
    const body = new Uint8Array(4);
    new DataView(body.buffer).setUint32(0, value);
    this.message({ chunkStream: 2, format: 0, type, streamId: 0, body, ...envelope });
    if (type === 1) this.#chunkSize = value;
    return this;
  }

  /** Adds a User Control message with an event and its numbers. */
  userControl(event: number, ...numbers: readonly number[]): this {
    const body = new Uint8Array(2 + 4 * numbers.length);
    const view = new DataView(body.buffer);
    view.setUint16(0, event);
    numbers.forEach((number, index) => view.setUint32(2 + 4 * index, number));
    return this.message({ chunkStream: 2, format: 0, type: 4, streamId: 0, body });
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }
}

/** An origin's answer to connect, with window and bandwidth as most send. */
export function answerConnect(script: Script, transaction = 1): Script {
  const properties = { fmsVer: "FMS/3,0,1,123", capabilities: 31 };
  const information = {
    level: "status",
    code: "NetConnection.Connect.Success",
    description: "Connection succeeded.",
    objectEncoding: 0,
  };
  return script.control(5, 5000000)
    .message({
      chunkStream: 2,
      format: 0,
      type: 6,
      body: Uint8Array.from([0, 0x4c, 0x4b, 0x40, 2]),
    })
    .command(["_result", transaction, properties, information]);
}

/** An origin's `onStatus`. */
export function answerStatus(
  script: Script,
  code: string,
  { level = "status", streamId = 1 }: { level?: string; streamId?: number } = {},
): Script {
  const information = { level, code, description: `About ${code}` };
  return script.command(["onStatus", 0, null, information], { chunkStream: 5, streamId });
}

/** The message with one message stream id replaced by another, in its body too. */
export function withStreamId(message: WireMessage, from: number, to: number): WireMessage {
  const streamId = message.streamId === from ? to : message.streamId;
  const body = message.body.slice();
  const view = new DataView(body.buffer);
  const isEvent = message.type === 4 && STREAM_EVENTS.includes(view.getUint16(0));
  if (isEvent && view.getUint32(2) === from) view.setUint32(2, to);
  const isDelete = message.type === 20 && body.length > 0 &&
    parseCommand(message).name === "deleteStream";
  if (isDelete) view.setFloat64(body.length - 8, to);
  return { ...message, streamId, body };
}
