// The random blocks with which this process greets clients and origins. One of each serves all
// connections: they only have to differ from the peer's own ("Adobe RTMP Specification 1.0",
// section 5.2.3). The one for clients carries this program's mark, so that a proxy dialled as an
// origin is recognized. A client that signs its greeting gets a signed one instead.

import { hmacSha256, sha256 } from "../../core/hashes.ts";
import { encodeAnswer, encodeGreeting, HANDSHAKE_GREETING } from "../../protocol/rtmp/handshake.ts";

const MARK = 16;
/** The key of the mark, the same in all proxies. */
const WORDS = "srs-proxy answers";

/** C0 and C1 of this process. Must not be modified. */
export const ORIGIN_GREETING: Uint8Array = encodeGreeting((block) => crypto.getRandomValues(block));

/** S0 and S1 of this process. Must not be modified. */
export const CLIENT_GREETING: Uint8Array = markGreeting(
  encodeGreeting((block) => crypto.getRandomValues(block)),
);

/** Writes the mark into the last bytes of S0 and S1. @returns the same greeting */
export function markGreeting<T extends Uint8Array>(greeting: T): T {
  greeting.set(markOf(greeting), HANDSHAKE_GREETING - MARK);
  return greeting;
}

/** Whether S0 and S1, perhaps followed by more bytes, come from a proxy like this one. */
export function isMarked(greeting: Uint8Array): boolean {
  return markOf(greeting).every((byte, index) => {
    return greeting[HANDSHAKE_GREETING - MARK + index] === byte;
  });
}

/** Derives the mark from the bytes before it, so that it differs between processes. */
function markOf(greeting: Uint8Array): Uint8Array {
  const seed = greeting.subarray(HANDSHAKE_GREETING - 2 * MARK, HANDSHAKE_GREETING - MARK);
  return sha256(WORDS, seed).subarray(0, MARK);
}

/**
 * Returns S0, S1 and S2 for a client.
 *
 * @throws ProtocolError when it does not speak plain RTMP
 */
export function answerGreeting(greeting: Uint8Array): Uint8Array {
  return encodeAnswer(greeting, {
    greeting: CLIENT_GREETING,
    random: (block) => crypto.getRandomValues(block),
    hmac: hmacSha256,
  });
}
