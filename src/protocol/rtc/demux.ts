// Classifies datagrams of a WebRTC session by their first bytes: RFC 7983; RFC 6347 section 4.1 and
// RFC 9147 section 4 for the epoch of a DTLS record. Nothing is parsed or trusted here.

/**
 * `media` is sent only after the handshake has given the sender keys; `sealed` is an encrypted DTLS
 * 1.3 record, which may belong to the handshake or not; `other` is never sent.
 */
export type DatagramKind = "stun" | "handshake" | "sealed" | "media" | "other";

const APPLICATION_DATA = 23;
/** Length of a DTLS record header, bytes. */
const HEADER = 13;

/**
 * Classifies the first `length` bytes of `buffer`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(kindOf(Uint8Array.of(0, 1), 2), "stun");
 * assert.equal(kindOf(Uint8Array.of(22, 254, 253), 3), "handshake");
 * assert.equal(kindOf(Uint8Array.of(0x80, 111), 2), "media");
 * ```
 */
export function kindOf(buffer: Uint8Array, length: number): DatagramKind {
  if (length === 0) return "other";
  const first = buffer[0]!;
  if (isStun(buffer, length)) return "stun";
  if (first >= 128 && first < 192) return "media";
  if (first < 20 || first >= 64) return "other";
  if (first >= 32) return "sealed";
  return first === APPLICATION_DATA ? "media" : "handshake";
}

/** Whether a datagram that begins like this is of STUN; an empty one is not. */
export function isStun(buffer: Uint8Array, length: number): boolean {
  return length > 0 && buffer[0]! < 4;
}

export function isMedia(buffer: Uint8Array, length: number): boolean {
  return length > 0 && buffer[0]! >= 128 && buffer[0]! < 192;
}

/**
 * Whether it contains a DTLS record that its sender writes only once the other side has done its
 * part of the handshake. Only a peer that receives the sender's messages can do that, since it has
 * to sign or answer what they contain.
 */
export function showsKeys(buffer: Uint8Array, length: number): boolean {
  for (let at = 0; at + HEADER <= length;) {
    const first = buffer[at]!;
    // DTLS 1.3: the lowest two bits of the epoch. Before the other side has finished, it is 2.
    if (first >= 32 && first < 64) return (first & 3) === 3;
    if (first < 20 || first >= 32) return false;
    if ((buffer[at + 3]! | buffer[at + 4]!) !== 0) return true;
    at += HEADER + ((buffer[at + 11]! << 8) | buffer[at + 12]!);
  }
  return false;
}
