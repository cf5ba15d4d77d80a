// The simple RTMP handshake of both sides. The digests of the "complex" one are neither made nor
// checked: peers that send them accept the simple answer. "Adobe RTMP Specification 1.0", 5.2.

import { ProtocolError } from "../../core/errors.ts";

/** Length of C1, S1, C2 and S2. */
export const HANDSHAKE_BLOCK = 1536;
/** C0 and C1 together, or S0 and S1. */
export const HANDSHAKE_GREETING = 1 + HANDSHAKE_BLOCK;
/** S0, S1 and S2 together. */
export const HANDSHAKE_ANSWER = 1 + 2 * HANDSHAKE_BLOCK;

const VERSION = 3;

/** C0 and C1, or S0 and S1: version 3, time 0, zero, and the random bytes given. */
export function encodeGreeting(random: (block: Uint8Array<ArrayBuffer>) => void): Uint8Array {
  const greeting = new Uint8Array(HANDSHAKE_GREETING);
  random(greeting.subarray(9));
  greeting[0] = VERSION;
  return greeting;
}

/**
 * C2 for an origin's S0 and S1, or S2 for a client's C0 and C1, as a view of them.
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
    throw new ProtocolError(`Cannot speak RTMP version ${version}: current value is ${VERSION}`);
  }
}
