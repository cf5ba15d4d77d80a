// The header of SRT packets (draft-sharabayko-srt-01 section 3): the fields that are read or
// written on the way through. Everything is big-endian. Payloads are not looked at.

/** Bytes of every packet's header. */
export const HEADER = 16;
/** Where the time stamp and the destination socket id stand. */
export const TIMESTAMP_AT = 8;
export const DESTINATION_AT = 12;

/** Types of control packets, and what stands for a packet that is none. */
export const DATA = -1;
export const HANDSHAKE = 0;
export const SHUTDOWN = 5;
const USER_DEFINED = 0x7fff;
/** Subtypes of a user-defined packet (section 3.2.2): new keys, and their acknowledgement. */
const KEY_MATERIAL_REQUEST = 3;
const KEY_MATERIAL_ANSWER = 4;

/** The type of a control packet; DATA for a data packet. @param buffer holds a header at least */
export function controlTypeOf(buffer: Uint8Array): number {
  return buffer[0]! < 0x80 ? DATA : ((buffer[0]! & 0x7f) << 8) | buffer[1]!;
}

/** Whether it carries key material in mid-session. @param buffer holds a header at least */
export function isKeyMaterial(buffer: Uint8Array): boolean {
  if (controlTypeOf(buffer) !== USER_DEFINED) return false;
  const subtype = (buffer[2]! << 8) | buffer[3]!;
  return subtype === KEY_MATERIAL_REQUEST || subtype === KEY_MATERIAL_ANSWER;
}

/** The socket id that a packet is for, as a signed number; 0 is for whoever listens. */
export function destinationOf(buffer: Uint8Array): number {
  return (buffer[12]! << 24) | (buffer[13]! << 16) | (buffer[14]! << 8) | buffer[15]!;
}

/** Reads a 32-bit number. @param at within `bytes`, four bytes before its end at least */
export function readWord(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

/** Writes a 32-bit number, signed or not. */
export function writeWord(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value >>> 0);
}

/** Tells a socket that its peer has gone (section 3.2.7), with the padding that libsrt sends. */
export function encodeShutdown(destination: number): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(HEADER + 4);
  writeWord(packet, 0, 0x80000000 | (SHUTDOWN << 16));
  writeWord(packet, DESTINATION_AT, destination);
  return packet;
}
