// SRT handshakes (draft-sharabayko-srt-01 sections 3.2.1 and 4.3): parsed only as far as a proxy
// must, and repeated byte for byte with a few fields changed, so that key material, latency,
// groups, filters and future extensions reach the other side unchanged.

import { ByteReader } from "../../core/byte_reader.ts";
import { ProtocolError } from "../../core/errors.ts";
import { MAX_STREAM_ID } from "../../core/srt_stream_id.ts";
import { DESTINATION_AT, HANDSHAKE, HEADER, readWord, writeWord } from "./packet.ts";

/** Length of a handshake packet without extensions, bytes. */
export const HANDSHAKE_SIZE = 64;

/** Handshake types. A refusal is REFUSED plus the reason. */
const INDUCTION = 1;
export const CONCLUSION = -1;
export const REFUSED = 1000;

/** The value in a listener's induction answer, in place of extension flags. */
const MAGIC = 0x4a17;
const VERSION_5 = 5;
/** The values in a caller's induction: version 4, and datagrams as in UDT. */
const VERSION_4 = 4;
const DATAGRAMS = 2;

/** Extension types, and the flag without which listeners ignore a StreamID. */
const KEY_MATERIAL_REQUEST = 3;
const KEY_MATERIAL_ANSWER = 4;
const STREAM_ID = 5;
const HAS_CONFIGURATION = 4;
const MAX_EXTENSIONS = 32;

/** Bytes of a segment (MSS) in addition to the datagram: the IPv4 and UDP headers. */
const IP_AND_UDP = 28;
/**
 * Smallest MSS accepted: what every IPv4 host must accept (RFC 791). libsrt accepts 32, but writes
 * its answer into a buffer of that size, and beyond: at 107 and less SRS answers garbage, at 92 and
 * less it crashes.
 */
const MIN_MSS = 576;
const MIN_FLOW_WINDOW = 2;
const MAX_SIGNED = 0x7fffffff;
/** Values in the inductions of this program; they have no effect yet. */
const USUAL_MSS = 1500;
const USUAL_FLOW_WINDOW = 8192;

/** A byte order mark is kept as part of the text, as in SRS. */
const TEXT = new TextDecoder("utf-8", { ignoreBOM: true });

/** "prx" */
const HOP_MARK = 0x707278;
const HOPS_AT = 4;
const VERSION_AT = HEADER;
const ENCRYPTION_AT = HEADER + 4;
const EXTENSION_FIELD_AT = HEADER + 6;
const MSS_AT = HEADER + 12;
const FLOW_WINDOW_AT = HEADER + 16;
const TYPE_AT = HEADER + 20;
const SOCKET_AT = HEADER + 24;
const COOKIE_AT = HEADER + 28;
const PEER_IP_AT = HEADER + 32;

/** A parsed handshake. */
export interface Handshake {
  readonly version: number;
  /** Extension flags, or a listener's magic value. */
  readonly extensionField: number;
  /** The sender's initial packet sequence number. */
  readonly sequence: number;
  /** Largest IP packet, in bytes, and most packets in flight that the sender accepts. */
  readonly mss: number;
  readonly flowWindow: number;
  readonly type: number;
  /** The sender's socket id, as a signed number. */
  readonly socketId: number;
  readonly cookie: number;
  /** Text of the StreamID extension; empty if there is none. */
  readonly streamId: string;
  /** Total bytes of key material; 0 if there is none. */
  readonly keyMaterial: number;
}

/**
 * Parses a whole handshake packet.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const induction = encodeInduction(42);
 * assert.ok(isCallerInduction(parseHandshake(induction)));
 *
 * const answer = parseHandshake(answerInduction(induction, 4711));
 * assert.ok(isInductionAnswer(answer));
 * assert.equal(answer.cookie, 4711);
 * ```
 *
 * @throws ProtocolError when it is not a handshake, or an extension is malformed or too long
 */
export function parseHandshake(packet: Uint8Array): Handshake {
  const reader = new ByteReader(packet);
  if (reader.u16() !== (0x8000 | HANDSHAKE)) throw new ProtocolError("Cannot read a handshake");
  reader.skip(HEADER - 2);
  const version = reader.u32();
  reader.skip(2);
  const extensionField = reader.u16();
  const sequence = reader.u32();
  const mss = reader.u32();
  const flowWindow = reader.u32();
  const type = reader.u32() | 0;
  const socketId = reader.u32() | 0;
  const cookie = reader.u32() | 0;
  reader.skip(16);
  const bounds = { sequence, mss, flowWindow };
  const fixed = { version, extensionField, ...bounds, type, socketId, cookie };
  const hasExtensions = version === VERSION_5 && type === CONCLUSION && extensionField !== 0;
  if (!hasExtensions) return { ...fixed, streamId: "", keyMaterial: 0 };
  const { streamId, keyMaterial } = readExtensions(reader);
  const isHeard = (extensionField & HAS_CONFIGURATION) !== 0;
  return { ...fixed, streamId: isHeard ? streamId : "", keyMaterial };
}

/**
 * Whether it is a caller's induction. Nothing else is answered with a cookie: a listener's answer
 * is an induction too, and two listeners would keep answering each other.
 */
export function isCallerInduction(shake: Handshake): boolean {
  const { version, type, extensionField, socketId, cookie } = shake;
  const isInduction = version === VERSION_4 && type === INDUCTION && extensionField === DATAGRAMS;
  return isInduction && cookie === 0 && socketId !== 0;
}

/**
 * Whether listeners can answer a conclusion. They silently drop others, or crash on them.
 *
 * @param length length of the packet in bytes
 */
export function isAnswerable({ sequence, mss, flowWindow }: Handshake, length: number): boolean {
  return sequence < MAX_SIGNED &&
    flowWindow >= MIN_FLOW_WINDOW && flowWindow <= MAX_SIGNED &&
    mss >= MIN_MSS && mss <= MAX_SIGNED && length + IP_AND_UDP <= mss;
}

/** Whether it is a listener's SRT answer to an induction. */
export function isInductionAnswer({ version, type, extensionField }: Handshake): boolean {
  return version === VERSION_5 && type === INDUCTION && extensionField === MAGIC;
}

/** Whether it is a conclusion of version 5, the only one with a StreamID. */
export function isConclusion({ version, type }: Handshake): boolean {
  return version === VERSION_5 && type === CONCLUSION;
}

export function isRefusal({ type }: Handshake): boolean {
  return type >= REFUSED;
}

/**
 * Encodes the answer to an induction (section 4.3.1.1), of the same length as an induction without
 * extensions.
 */
export function answerInduction(induction: Uint8Array, cookie: number): Uint8Array<ArrayBuffer> {
  const answer = copyFixed(induction);
  writeWord(answer, VERSION_AT, VERSION_5);
  writeWord(answer, ENCRYPTION_AT, MAGIC);
  writeWord(answer, COOKIE_AT, cookie);
  return answer;
}

/** Encodes a refusal with a reason: libsrt's own, or 1000 and above for an application's. */
export function refuseHandshake(request: Uint8Array, reason: number): Uint8Array<ArrayBuffer> {
  const answer = copyFixed(request);
  writeWord(answer, TYPE_AT, REFUSED + reason);
  return answer;
}

/**
 * Encodes the induction for a caller whose conclusion is known already. It contains nothing of the
 * conclusion but the socket id, so whether it is answered depends on the listener alone.
 */
export function encodeInduction(socketId: number): Uint8Array<ArrayBuffer> {
  const induction = new Uint8Array(HANDSHAKE_SIZE);
  writeWord(induction, 0, (0x8000 | HANDSHAKE) << 16);
  writeWord(induction, VERSION_AT, VERSION_4);
  writeWord(induction, ENCRYPTION_AT, DATAGRAMS);
  writeWord(induction, MSS_AT, USUAL_MSS);
  writeWord(induction, FLOW_WINDOW_AT, USUAL_FLOW_WINDOW);
  writeWord(induction, TYPE_AT, INDUCTION);
  writeWord(induction, SOCKET_AT, socketId);
  return induction;
}

/** Copies a conclusion for another listener, with that listener's cookie. */
export function concludeWith(conclusion: Uint8Array, cookie: number): Uint8Array<ArrayBuffer> {
  const copy = conclusion.slice();
  writeWord(copy, DESTINATION_AT, 0);
  writeWord(copy, COOKIE_AT, cookie);
  return copy;
}

/**
 * Copies the conclusion of a caller that has named no stream, adding a StreamID of 1 to 512 bytes.
 */
export function withStreamId(conclusion: Uint8Array, streamId: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(streamId);
  const words = (text.length + 3) >> 2;
  const longer = new Uint8Array(conclusion.length + 4 + words * 4);
  longer.set(conclusion);
  longer[EXTENSION_FIELD_AT + 1]! |= HAS_CONFIGURATION;
  writeWord(longer, conclusion.length, (STREAM_ID << 16) | words);
  const data = longer.subarray(conclusion.length + 4);
  for (let at = 0; at < text.length; at++) data[at ^ 3] = text[at]!;
  return longer;
}

/**
 * How many proxies of this kind a handshake has passed through, from a header word that handshakes
 * do not use.
 */
export function hopsOf(packet: Uint8Array): number {
  const word = readWord(packet, HOPS_AT);
  return word >>> 8 === HOP_MARK ? word & 0xff : 0;
}

/** Records how many of them a handshake has passed through, at most 255. */
export function writeHops(packet: Uint8Array, hops: number): void {
  writeWord(packet, HOPS_AT, (HOP_MARK << 8) | hops);
}

/** Lowers the MSS in a handshake, so that its receiver sends no datagram longer than `bytes`. */
export function limitDatagrams(packet: Uint8Array, bytes: number): void {
  const mss = bytes + IP_AND_UDP;
  if (readWord(packet, MSS_AT) > mss) writeWord(packet, MSS_AT, mss);
}

/**
 * Writes the address at which a listener sees its caller. The bytes of each 32-bit word are
 * reversed, as in libsrt.
 *
 * @param ip 4 or 16 bytes
 */
export function writePeerIp(packet: Uint8Array, ip: readonly number[]): void {
  for (let at = 0; at < 16; at++) packet[PEER_IP_AT + at] = ip[at ^ 3] ?? 0;
}

/** A copy without extensions, addressed to the sender of the original. */
function copyFixed(packet: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = packet.slice(0, HANDSHAKE_SIZE);
  copy.copyWithin(DESTINATION_AT, SOCKET_AT, SOCKET_AT + 4);
  return copy;
}

function readExtensions(reader: ByteReader): Pick<Handshake, "streamId" | "keyMaterial"> {
  let streamId: string | undefined;
  let keyMaterial = 0;
  for (let count = 0; reader.remaining > 0; count++) {
    if (count === MAX_EXTENSIONS) throw new ProtocolError("Cannot read so many extensions");
    const type = reader.u16();
    const length = reader.u16() * 4;
    const data = reader.bytes(length);
    if (type === KEY_MATERIAL_REQUEST || type === KEY_MATERIAL_ANSWER) keyMaterial += length;
    if (type !== STREAM_ID) continue;
    if (streamId !== undefined) throw new ProtocolError("Cannot accept two StreamIDs");
    requireLength(length);
    streamId = readStreamId(data);
  }
  return { streamId: streamId ?? "", keyMaterial };
}

function requireLength(length: number): void {
  if (length <= MAX_STREAM_ID) return;
  throw new ProtocolError(`Cannot accept a StreamID over ${MAX_STREAM_ID} bytes`);
}

/** The bytes of each 32-bit word are reversed; the last one is padded with NUL. */
function readStreamId(bytes: Uint8Array): string {
  const turned = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) turned[at] = bytes[at ^ 3]!;
  const end = turned.indexOf(0);
  return TEXT.decode(end < 0 ? turned : turned.subarray(0, end));
}
