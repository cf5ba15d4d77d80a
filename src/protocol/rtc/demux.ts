// What a datagram of a WebRTC session is, by its first bytes: RFC 7983; RFC 6347 section 4.1 and
// RFC 9147 section 4 for the epoch of a DTLS record. Nothing is parsed or trusted here.

/**
 * `media` is what nobody sends before the handshake has given him keys, `sealed` a record of DTLS 1.3 that
 * may be of the handshake or not, `other` what nobody sends at all.
 */
export type DatagramKind = "stun" | "handshake" | "sealed" | "media" | "other";

const APPLICATION_DATA = 23;
/** Bytes of the header of a DTLS record. */
const HEADER = 13;

/** What the first `length` bytes look like. */
export function kindOf(buffer: Uint8Array, length: number): DatagramKind {
  if (length === 0) return "other";
  const first = buffer[0]!;
  if (first < 4) return "stun";
  if (first >= 128 && first < 192) return "media";
  if (first < 20 || first >= 64) return "other";
  if (first >= 32) return "sealed";
  return first === APPLICATION_DATA ? "media" : "handshake";
}

/** Whether it is RTP or RTCP. */
export function isMedia(buffer: Uint8Array, length: number): boolean {
  return length > 0 && buffer[0]! >= 128 && buffer[0]! < 192;
}

/**
 * Whether there is a DTLS record in it that its sender writes only when the other side has done its part of
 * the handshake, which nobody can who does not hear what is said to him: he would have to sign or to answer
 * what he has not seen.
 */
export function showsKeys(buffer: Uint8Array, length: number): boolean {
  for (let at = 0; at + HEADER <= length;) {
    const first = buffer[at]!;
    // DTLS 1.3: the lowest two bits of the epoch; what the other side has not finished has epoch 2.
    if (first >= 32 && first < 64) return (first & 3) === 3;
    if (first < 20 || first >= 32) return false;
    if ((buffer[at + 3]! | buffer[at + 4]!) !== 0) return true;
    at += HEADER + ((buffer[at + 11]! << 8) | buffer[at + 12]!);
  }
  return false;
}
