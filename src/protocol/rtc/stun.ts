// STUN Binding requests as ICE sends them (RFC 8489 sections 5 and 14; RFC 8445 section 7.2.2):
// reads who sent one, and verifies that the sender knew the password. All other STUN messages are
// passed on unread.

import { ByteReader } from "../../core/byte_reader.ts";
import { ProtocolError } from "../../core/errors.ts";

/** HMAC-SHA1 (RFC 2104) of a message in two parts. @returns 20 bytes */
export type HmacSha1 = (key: string, head: Uint8Array, rest: Uint8Array) => Uint8Array;

/** A Binding request with a user name and a signature. */
export interface BindingRequest {
  /** USERNAME: the receiver's ufrag, a colon, the sender's ufrag. */
  readonly user: string;
  /** Where MESSAGE-INTEGRITY begins; it signs everything before it. */
  readonly integrityAt: number;
}

const HEADER = 20;
const MAGIC = [0x21, 0x12, 0xa4, 0x42];
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const SHA1_LENGTH = 20;
/** RFC 8489 section 14.3 allows fewer than 509 bytes. */
const MAX_USERNAME = 508;

/**
 * Whether the first `length` bytes look like a Binding request, at the cost of a few comparisons;
 * no DTLS, RTP or RTCP packet does (RFC 7983).
 */
export function isBindingRequest(buffer: Uint8Array, length: number): boolean {
  return length >= HEADER && buffer[0] === 0 && buffer[1] === 1 && buffer[4] === MAGIC[0] &&
    buffer[5] === MAGIC[1] && buffer[6] === MAGIC[2] && buffer[7] === MAGIC[3];
}

/**
 * Parses a request that `isBindingRequest` has accepted.
 *
 * @throws ProtocolError when lengths are wrong, or USERNAME or MESSAGE-INTEGRITY is missing
 */
export function parseBindingRequest(message: Uint8Array): BindingRequest {
  const reader = new ByteReader(message);
  reader.skip(2);
  if (reader.u16() !== message.length - HEADER || (message.length & 3) !== 0) {
    throw new ProtocolError("Cannot read a STUN message: its length is wrong");
  }
  reader.skip(HEADER - 4);
  let user: string | undefined;
  while (reader.remaining > 0) {
    const at = reader.offset;
    const type = reader.u16();
    const length = reader.u16();
    if (type === MESSAGE_INTEGRITY) {
      if (length !== SHA1_LENGTH || user === undefined) break;
      reader.skip(length);
      return { user, integrityAt: at };
    }
    if (type === USERNAME) user = readUser(reader, length);
    else reader.skip(length);
    reader.skip(-length & 3);
  }
  throw new ProtocolError("Cannot read a STUN message: it is not signed as ICE requires");
}

/**
 * Whether the signer of a request knows the password (RFC 8489 section 14.5).
 *
 * @example The sample request of RFC 5769, section 2.1
 * ```ts
 * import assert from "node:assert/strict";
 * import { createHmac } from "node:crypto";
 *
 * const message = Uint8Array.fromHex(
 *   "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74" +
 *     "002400046e0001ff80290008932ff9b151263b36000600096576746a3a683676592020200008" +
 *     "00149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf",
 * );
 * const hmac: HmacSha1 = (key, head, rest) =>
 *   createHmac("sha1", key).update(head).update(rest).digest();
 *
 * assert.ok(isBindingRequest(message, message.length));
 * const request = parseBindingRequest(message);
 * assert.equal(request.user, "evtj:h6vY");
 * assert.ok(verifyIntegrity(message, request, "VOkJxbRl1RmTxUk/WvJxBt", hmac));
 * ```
 *
 * @param password ice-pwd of the receiver
 */
export function verifyIntegrity(
  message: Uint8Array,
  { integrityAt }: BindingRequest,
  password: string,
  hmac: HmacSha1,
): boolean {
  const head = message.slice(0, 4);
  // The length that is signed ends with MESSAGE-INTEGRITY, whatever follows it.
  const length = integrityAt + 4 + SHA1_LENGTH - HEADER;
  head[2] = length >> 8;
  head[3] = length;
  const expected = hmac(password, head, message.subarray(4, integrityAt));
  let difference = 0;
  for (let byte = 0; byte < SHA1_LENGTH; byte++) {
    difference |= expected[byte]! ^ message[integrityAt + 4 + byte]!;
  }
  return difference === 0;
}

function readUser(reader: ByteReader, length: number): string {
  if (length > MAX_USERNAME) {
    throw new ProtocolError("Cannot read a STUN message: user name too long");
  }
  const user = reader.text(length);
  // RFC 8839 section 5.4 limits the characters of ufrags; SRS and others keep to that.
  if (/^[\x21-\x39\x3b-\x7e]+:[\x21-\x7e]+$/.test(user)) return user;
  throw new ProtocolError("Cannot read a STUN message: its user name is not an ICE one");
}
