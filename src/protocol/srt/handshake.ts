// SRT handshakes (draft-sharabayko-srt-01 sections 3.2.1 and 4.3): read as far as a proxy must, and
// otherwise repeated byte for byte with a few fields changed, so that key material, latency,
// groups, filters and future extensions reach the other side unchanged.

import { ByteReader } from "../../core/byte_reader.ts";
import { ProtocolError } from "../../core/errors.ts";
import { MAX_STREAM_ID } from "../../core/srt_stream_id.ts";
import { DESTINATION_AT, HANDSHAKE, HEADER, readWord, writeWord } from "./packet.ts";

/** Bytes of a handshake packet without extensions. */
export const HANDSHAKE_SIZE = 64;

/** Handshake types. A refusal is REFUSED plus the reason. */
const INDUCTION = 1;
export const CONCLUSION = -1;
export const REFUSED = 1000;

/** What a listener says in its induction answer, in place of extension flags. */
const MAGIC = 0x4a17;
const VERSION_5 = 5;
/** What callers say in their induction: version 4, and datagrams as in UDT. */
const VERSION_4 = 4;
const DATAGRAMS = 2;

/** Extension types, and the flag without which listeners pass over a StreamID. */
const KEY_MATERIAL_REQUEST = 3;
const KEY_MATERIAL_ANSWER = 4;
const STREAM_ID = 5;
const HAS_CONFIGURATION = 4;
const MAX_EXTENSIONS = 32;

/** What a segment (MSS) holds beside the datagram's bytes: the headers of IPv4 and UDP. */
const IP_AND_UDP = 28;
/**
 * What every IPv4 host must take (RFC 791). libsrt lets 32 in, but writes its answer into the room of
 * such a segment, and beyond: from 107 down SRS answers rubbish, from 92 down it dies.
 */
const MIN_MSS = 576;
const MIN_FLOW_WINDOW = 2;
const MAX_SIGNED = 0x7fffffff;
/** What the inductions of this program say; they mean nothing yet. */
const USUAL_MSS = 1500;
const USUAL_FLOW_WINDOW = 8192;

/** A mark at the beginning is no less a part of the text: SRS sees it too. */
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

/** A handshake as it came. */
export interface Handshake {
  readonly version: number;
  /** Extension flags, or the magic of a listener. */
  readonly extensionField: number;
  /** Where the sender's packet sequence numbers begin. */
  readonly sequence: number;
  /** Bytes of an IP packet, and packets under way at once, that the sender takes. */
  readonly mss: number;
  readonly flowWindow: number;
  readonly type: number;
  /** The sender's socket id, as a signed number. */
  readonly socketId: number;
  readonly cookie: number;
  /** Text of the StreamID extension; empty when there is none. */
  readonly streamId: string;
  /** Bytes of key material, all of it together; 0 when there is none. */
  readonly keyMaterial: number;
}

/**
 * Reads a whole handshake packet.
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
 * @throws ProtocolError when it is none, or an extension is broken or too long
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
 * Whether it is what a caller begins with. Nothing else is answered with a cookie: a listener's own
 * answer is an induction too, and two listeners would go on answering each other.
 */
export function isCallerInduction(shake: Handshake): boolean {
  const { version, type, extensionField, socketId, cookie } = shake;
  const isInduction = version === VERSION_4 && type === INDUCTION && extensionField === DATAGRAMS;
  return isInduction && cookie === 0 && socketId !== 0;
}

/**
 * Whether listeners can answer a conclusion. They do not answer others, as if they were not
 * there, or crash on them.
 *
 * @param length bytes of the packet
 */
export function isAnswerable({ sequence, mss, flowWindow }: Handshake, length: number): boolean {
  return sequence < MAX_SIGNED &&
    flowWindow >= MIN_FLOW_WINDOW && flowWindow <= MAX_SIGNED &&
    mss >= MIN_MSS && mss <= MAX_SIGNED && length + IP_AND_UDP <= mss;
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

/**
 * The induction of a caller whose conclusion is known already. Of what that says nothing but the
 * socket id is in it: whether it is answered says something about the listener alone.
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

/** The same conclusion for another listener, which has given its own cookie. */
export function concludeWith(conclusion: Uint8Array, cookie: number): Uint8Array<ArrayBuffer> {
  const copy = conclusion.slice();
  writeWord(copy, DESTINATION_AT, 0);
  writeWord(copy, COOKIE_AT, cookie);
  return copy;
}

/** The same conclusion of a caller that has named no stream, with a StreamID of 1 to 512 bytes. */
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
 * How many proxies of this kind a handshake has come through. It stands in a word of the header of which
 * handshakes make no use.
 */
export function hopsOf(packet: Uint8Array): number {
  const word = readWord(packet, HOPS_AT);
  return word >>> 8 === HOP_MARK ? word & 0xff : 0;
}

/** Marks a handshake as having come through so many of them, 255 at most. */
export function writeHops(packet: Uint8Array, hops: number): void {
  writeWord(packet, HOPS_AT, (HOP_MARK << 8) | hops);
}

/** Lowers what a handshake says its sender takes, so that no datagram is longer than that. */
export function limitDatagrams(packet: Uint8Array, bytes: number): void {
  const mss = bytes + IP_AND_UDP;
  if (readWord(packet, MSS_AT) > mss) writeWord(packet, MSS_AT, mss);
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
  let streamId: string | undefined;
  let keyMaterial = 0;
  for (let count = 0; reader.remaining > 0; count++) {
    if (count === MAX_EXTENSIONS) throw new ProtocolError("Cannot read so many extensions");
    const type = reader.u16();
    const length = reader.u16() * 4;
    const data = reader.bytes(length);
    if (type === KEY_MATERIAL_REQUEST || type === KEY_MATERIAL_ANSWER) keyMaterial += length;
    if (type !== STREAM_ID) continue;
    if (streamId !== undefined) throw new ProtocolError("Cannot take two StreamIDs");
    requireLength(length);
    streamId = readStreamId(data);
  }
  return { streamId: streamId ?? "", keyMaterial };
}

function requireLength(length: number): void {
  if (length <= MAX_STREAM_ID) return;
  throw new ProtocolError(`Cannot take a StreamID over ${MAX_STREAM_ID} bytes`);
}

/** Each 32-bit word stands the wrong way round, NUL fills the last one. */
function readStreamId(bytes: Uint8Array): string {
  const turned = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) turned[at] = bytes[at ^ 3]!;
  const end = turned.indexOf(0);
  return TEXT.decode(end < 0 ? turned : turned.subarray(0, end));
}
