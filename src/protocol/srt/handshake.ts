// SRT handshakes (draft-sharabayko-srt-01 sections 3.2.1 and 4.3): read as far as a proxy must, and
// otherwise repeated byte for byte with a few fields changed, so that key material, latency, groups,
// filters and whatever comes later reach the other side as they are.

import { ByteReader } from "../../core/byte_reader.ts";
import { ProtocolError } from "../../core/errors.ts";
import { DESTINATION_AT, HANDSHAKE, HEADER, writeWord } from "./packet.ts";

/** Bytes of a handshake packet without extensions. */
export const HANDSHAKE_SIZE = 64;

/** Handshake types. A refusal is REFUSED plus the reason. */
export const INDUCTION = 1;
export const CONCLUSION = -1;
export const REFUSED = 1000;

/** What a listener says in its induction answer, in place of extension flags. */
const MAGIC = 0x4a17;
const VERSION_5 = 5;
/** What callers say in their induction: version 4, and datagrams as in UDT. */
const VERSION_4 = 4;
const DATAGRAMS = 2;

/** Extension types. */
const KEY_MATERIAL_REQUEST = 3;
const STREAM_ID = 5;
/** Section 3.2.1.3 allows so many bytes. */
const MAX_STREAM_ID = 512;
const MAX_EXTENSIONS = 32;

const VERSION_AT = HEADER;
const ENCRYPTION_AT = HEADER + 4;
const TYPE_AT = HEADER + 20;
const SOCKET_AT = HEADER + 24;
const COOKIE_AT = HEADER + 28;
const PEER_IP_AT = HEADER + 32;

/** A handshake as it came. */
export interface Handshake {
  readonly version: number;
  /** Extension flags, or the magic of a listener. */
  readonly extensionField: number;
  readonly type: number;
  /** The sender's socket id, as a signed number. */
  readonly socketId: number;
  readonly cookie: number;
  /** Text of the StreamID extension; empty when there is none. */
  readonly streamId: string;
  /** Bytes of key material; 0 when there is none. */
  readonly keyMaterial: number;
}

/**
 * Reads a whole handshake packet.
 *
 * @throws ProtocolError when it is none, or an extension is broken or too long
 */
export function parseHandshake(packet: Uint8Array): Handshake {
  const reader = new ByteReader(packet);
  if (reader.u16() !== (0x8000 | HANDSHAKE)) throw new ProtocolError("Cannot read a handshake");
  reader.skip(HEADER - 2);
  const version = reader.u32();
  reader.skip(2);
  const extensionField = reader.u16();
  reader.skip(12);
  const type = reader.u32() | 0;
  const socketId = reader.u32() | 0;
  const cookie = reader.u32() | 0;
  reader.skip(16);
  const fixed = { version, extensionField, type, socketId, cookie };
  const hasExtensions = version === VERSION_5 && type === CONCLUSION && extensionField !== 0;
  if (!hasExtensions) return { ...fixed, streamId: "", keyMaterial: 0 };
  return { ...fixed, ...readExtensions(reader) };
}

/** Whether a listener has answered an induction in the way of SRT. */
export function isInductionAnswer({ version, type, extensionField }: Handshake): boolean {
  return version === VERSION_5 && type === INDUCTION && extensionField === MAGIC;
}

/** Whether a conclusion is one of version 5, the only one with a StreamID. */
export function isConclusion({ version, type }: Handshake): boolean {
  return version === VERSION_5 && type === CONCLUSION;
}

/** Whether it is a listener's refusal. */
export function isRefusal({ type }: Handshake): boolean {
  return type >= REFUSED;
}

/** The answer to an induction (section 4.3.1.1): as long as the question without extensions. */
export function answerInduction(induction: Uint8Array, cookie: number): Uint8Array<ArrayBuffer> {
  const answer = copyFixed(induction);
  writeWord(answer, VERSION_AT, VERSION_5);
  writeWord(answer, ENCRYPTION_AT, MAGIC);
  writeWord(answer, COOKIE_AT, cookie);
  return answer;
}

/** A refusal of a handshake for that reason: libsrt's own, or 1000 and more for an application's. */
export function refuseHandshake(request: Uint8Array, reason: number): Uint8Array<ArrayBuffer> {
  const answer = copyFixed(request);
  writeWord(answer, TYPE_AT, REFUSED + reason);
  return answer;
}

/** The induction with which a caller begins whose conclusion is known already. */
export function inductionFor(conclusion: Uint8Array): Uint8Array<ArrayBuffer> {
  const induction = conclusion.slice(0, HANDSHAKE_SIZE);
  writeWord(induction, DESTINATION_AT, 0);
  writeWord(induction, VERSION_AT, VERSION_4);
  writeWord(induction, ENCRYPTION_AT, DATAGRAMS);
  writeWord(induction, TYPE_AT, INDUCTION);
  writeWord(induction, COOKIE_AT, 0);
  return induction;
}

/** The same conclusion for another listener, which has given its own cookie. */
export function concludeWith(conclusion: Uint8Array, cookie: number): Uint8Array<ArrayBuffer> {
  const copy = conclusion.slice();
  writeWord(copy, DESTINATION_AT, 0);
  writeWord(copy, COOKIE_AT, cookie);
  return copy;
}

/**
 * Writes the address at which a listener sees its caller. Each 32-bit word of it is written the
 * wrong way round, as libsrt does.
 *
 * @param ip 4 or 16 bytes
 */
export function writePeerIp(packet: Uint8Array, ip: readonly number[]): void {
  for (let at = 0; at < 16; at++) packet[PEER_IP_AT + at] = ip[at ^ 3] ?? 0;
}

/** A copy without extensions, for whoever sent the original. */
function copyFixed(packet: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = packet.slice(0, HANDSHAKE_SIZE);
  copy.copyWithin(DESTINATION_AT, SOCKET_AT, SOCKET_AT + 4);
  return copy;
}

function readExtensions(reader: ByteReader): Pick<Handshake, "streamId" | "keyMaterial"> {
  let streamId = "";
  let keyMaterial = 0;
  for (let count = 0; reader.remaining > 0; count++) {
    if (count === MAX_EXTENSIONS) throw new ProtocolError("Cannot read so many extensions");
    const type = reader.u16();
    const length = reader.u16() * 4;
    if (type === STREAM_ID) streamId = readStreamId(reader.bytes(requireLength(length)));
    else reader.skip(length);
    if (type === KEY_MATERIAL_REQUEST) keyMaterial = length;
  }
  return { streamId, keyMaterial };
}

function requireLength(length: number): number {
  if (length <= MAX_STREAM_ID) return length;
  throw new ProtocolError(`Cannot take a StreamID over ${MAX_STREAM_ID} bytes`);
}

/** Each 32-bit word stands the wrong way round, NUL fills the last one. */
function readStreamId(bytes: Uint8Array): string {
  const turned = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) turned[at] = bytes[at ^ 3]!;
  const end = turned.indexOf(0);
  return new TextDecoder().decode(end < 0 ? turned : turned.subarray(0, end));
}
