// The header of SRT packets (draft-sharabayko-srt-01 section 3): the fields that the proxy reads or
// writes. Everything is big-endian. Payloads are not read.

/** Length of every packet's header, bytes. */
export const HEADER = 16;
/** Offsets of the timestamp and the destination socket id. */
export const TIMESTAMP_AT = 8;
export const DESTINATION_AT = 12;

/** Types of control packets, and a value for data packets. */
export const DATA = -1;
export const HANDSHAKE = 0;
export const SHUTDOWN = 5;
const USER_DEFINED = 0x7fff;
/** Subtypes of a user-defined packet (section 3.2.2): new keys, and their acknowledgement. */
const KEY_MATERIAL_REQUEST = 3;
const KEY_MATERIAL_ANSWER = 4;

/**
 * The type of a control packet; DATA for a data packet. @param buffer contains at least a header
 */
export function controlTypeOf(buffer: Uint8Array): number {
  return buffer[0]! < 0x80 ? DATA : ((buffer[0]! & 0x7f) << 8) | buffer[1]!;
}

/** Whether it carries key material within a session. @param buffer contains at least a header */
export function isKeyMaterial(buffer: Uint8Array): boolean {
  if (controlTypeOf(buffer) !== USER_DEFINED) return false;
  const subtype = (buffer[2]! << 8) | buffer[3]!;
  return subtype === KEY_MATERIAL_REQUEST || subtype === KEY_MATERIAL_ANSWER;
}

/** The socket id that a packet is for, as a signed number; 0 is the listener. */
export function destinationOf(buffer: Uint8Array): number {
  return (buffer[12]! << 24) | (buffer[13]! << 16) | (buffer[14]! << 8) | buffer[15]!;
}

/** Reads a 32-bit number. @param at at least four bytes before the end of `bytes` */
export function readWord(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

/** Writes a 32-bit number, signed or not. */
export function writeWord(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value >>> 0);
}

/**
 * Encodes the packet that tells a socket that its peer has gone (section 3.2.7), with libsrt's
 * padding.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const packet = encodeShutdown(77);
 * assert.deepEqual([controlTypeOf(packet), destinationOf(packet)], [SHUTDOWN, 77]);
 * ```
 */
export function encodeShutdown(destination: number): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(HEADER + 4);
  writeWord(packet, 0, 0x80000000 | (SHUTDOWN << 16));
  writeWord(packet, DESTINATION_AT, destination);
  return packet;
}
