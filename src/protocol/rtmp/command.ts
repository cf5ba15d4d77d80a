// RTMP commands: parses what routing needs, and encodes the answers of a server. Knows nothing
// about chunks. "Adobe RTMP Specification 1.0", section 7.2.

import { ByteReader } from "../../core/byte_reader.ts";
import { ByteWriter } from "../../core/byte_writer.ts";
import { ProtocolError } from "../../core/errors.ts";
import { type Amf0Object, type Amf0Value, readAmf0Values, writeAmf0 } from "./amf0.ts";
import { MessageType, type RtmpMessage } from "./message.ts";

export interface Command {
  readonly name: string;
  readonly transaction: number;
  /** Everything after the transaction id; the first value is the command object. */
  readonly values: readonly Amf0Value[];
}

/** A client's publish or play command. */
export interface StreamCommand {
  readonly intent: "publish" | "play";
  /** Stream name as sent, query included. */
  readonly name: string;
  readonly transaction: number;
  readonly message: RtmpMessage;
}

/** Longest command, bytes; connect with everything that Enhanced RTMP adds has less than 4,096. */
export const MAX_COMMAND = 65536;

/** Whether a message type carries commands, in AMF0 or with the AMF3 prefix byte. */
export function isCommandType(type: number): boolean {
  return type === MessageType.commandAmf0 || type === MessageType.commandAmf3;
}

/**
 * Whether a command message means nothing: it is empty, or four bytes of time, which old versions
 * of ffmpeg send.
 */
export function saysNothing({ body }: RtmpMessage): boolean {
  return body.length === 0 || (body.length === 4 && body[0] === 0);
}

/**
 * Parses a command message as far as it can be read; the rest is ignored.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const body = encodeCommand("publish", 5, null, "show?token=a", "live");
 * const message = { chunkStream: 4, timestamp: 0, type: 20, streamId: 1, body };
 * const command = parseCommand(message);
 * assert.deepEqual(command.values, [null, "show?token=a", "live"]);
 * assert.equal(asStreamCommand(command, message)?.name, "show?token=a");
 * ```
 *
 * @throws ProtocolError when it does not begin with a name and a transaction id
 */
export function parseCommand(message: RtmpMessage): Command {
  const reader = new ByteReader(message.body);
  if (message.type === MessageType.commandAmf3) reader.skip(1);
  const [name, transaction = 0, ...values] = readAmf0Values(reader);
  if (typeof name !== "string" || typeof transaction !== "number") {
    throw new ProtocolError("Cannot read a command: name or transaction id is missing");
  }
  return { name, transaction, values };
}

/**
 * Interprets a `publish` or `play`; undefined for every other command. The stream name may be
 * empty, because some clients put all of it into the app.
 *
 * @throws ProtocolError when the stream name is missing
 */
export function asStreamCommand(command: Command, message: RtmpMessage): StreamCommand | undefined {
  const { name: intent, transaction, values } = command;
  if (intent !== "publish" && intent !== "play") return undefined;
  const name = values[1];
  if (typeof name !== "string") {
    throw new ProtocolError(`Cannot ${intent}: stream name is missing`);
  }
  return { intent, name, transaction, message };
}

/** A property of an AMF0 object; undefined if there is none or `value` is not an object. */
export function property(value: Amf0Value, key: string): Amf0Value {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value) || value instanceof Date) return undefined;
  return (value as Amf0Object)[key];
}

/** The body of a command message. */
export function encodeCommand(...values: readonly Amf0Value[]): Uint8Array {
  return writeAmf0(new ByteWriter(), ...values).finish();
}

/** The body of an `onStatus`, section 7.2.2. */
export function encodeStatus(level: "status" | "error", code: string, text: string): Uint8Array {
  return encodeCommand("onStatus", 0, null, { level, code, description: text });
}

/**
 * The body of the `_result` of `connect`, section 7.2.1.1, with the texts that clients know from
 * SRS. Its transaction id is 1 by that section, whatever the client has sent.
 */
export function encodeConnectResult(objectEncoding: number): Uint8Array {
  const properties = { fmsVer: "FMS/3,5,3,888", capabilities: 127, mode: 1 };
  return encodeCommand("_result", 1, properties, {
    level: "status",
    code: "NetConnection.Connect.Success",
    description: "Connection succeeded",
    objectEncoding,
  });
}
