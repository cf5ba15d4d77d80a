// Both sides of the RTMP handshake: the simple one, "Adobe RTMP Specification 1.0", 5.2, and a
// signed answer for clients that sign their block.

import { ProtocolError } from "../../core/errors.ts";
import { findDigest, type Hmac, signServerBlock, signServerEcho } from "./digest_handshake.ts";

/** Length of C1, S1, C2 and S2. */
export const HANDSHAKE_BLOCK = 1536;
/** C0 and C1 together, or S0 and S1. */
export const HANDSHAKE_GREETING = 1 + HANDSHAKE_BLOCK;
/** S0, S1 and S2 together. */
export const HANDSHAKE_ANSWER = 1 + 2 * HANDSHAKE_BLOCK;

const VERSION = 3;

/**
 * C0 and C1, or S0 and S1: version 3, time 0, zero, and the random bytes given.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const greeting = encodeGreeting((block) => crypto.getRandomValues(block));
 * assert.equal(greeting.length, HANDSHAKE_GREETING);
 * assert.deepEqual(encodeEcho(greeting), greeting.subarray(1));
 * ```
 */
export function encodeGreeting(random: (block: Uint8Array<ArrayBuffer>) => void): Uint8Array {
  const greeting = new Uint8Array(HANDSHAKE_GREETING);
  random(greeting.subarray(9));
  greeting[0] = VERSION;
  return greeting;
}

export interface AnswerParts {
  /** S0 and S1 for clients that do not sign. */
  readonly greeting: Uint8Array;
  random(block: Uint8Array<ArrayBuffer>): void;
  readonly hmac: Hmac;
}

/**
 * Encodes S0, S1 and S2 for a client's C0 and C1.
 *
 * @throws ProtocolError when the client does not speak plain RTMP
 */
export function encodeAnswer(greeting: Uint8Array, parts: AnswerParts): Uint8Array<ArrayBuffer> {
  const c1 = encodeEcho(greeting);
  const answer = new Uint8Array(HANDSHAKE_ANSWER);
  const [s1, s2] = [answer.subarray(1, HANDSHAKE_GREETING), answer.subarray(HANDSHAKE_GREETING)];
  answer[0] = VERSION;
  const found = findDigest(c1, parts.hmac);
  if (found === undefined) {
    answer.set(parts.greeting);
    s2.set(c1);
    return answer;
  }
  parts.random(answer.subarray(1));
  signServerBlock(s1, found.scheme, parts.hmac);
  signServerEcho(s2, found.digest, parts.hmac);
  return answer;
}

/**
 * Returns C2 for an origin's S0 and S1, or the plain S2 for a client's C0 and C1, as a view of
 * them.
 *
 * @throws ProtocolError when the peer does not speak plain RTMP
 */
export function encodeEcho(greeting: Uint8Array): Uint8Array {
  checkVersion(greeting[0]!);
  return greeting.subarray(1, HANDSHAKE_GREETING);
}

/** @throws ProtocolError when the first byte of a greeting asks for anything but plain RTMP */
export function checkVersion(version: number): void {
  if (version !== VERSION) {
    throw new ProtocolError(`Cannot speak RTMP version ${version}, only ${VERSION}`);
  }
}
