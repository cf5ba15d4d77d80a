// Which protocol a connection speaks that may be ICE over TCP or another one, by its first bytes. Pure.

import { FRAME_HEADER } from "./framing.ts";

/** Bytes after which it is certain. */
export const OPENING = FRAME_HEADER + 8;

/** Bytes of a STUN message before its attributes. */
const STUN_HEADER = 20;
/** No request of ICE is longer; no other protocol's first byte says so little. */
const LONGEST_REQUEST = 2_047;
/** A Binding request and, behind its length, the magic cookie: RFC 8489 section 5. */
const BINDING = [0, 1];
const MAGIC = [0x21, 0x12, 0xa4, 0x42];
const MAGIC_AT = 4;

/**
 * Whether a connection begins with a STUN Binding request in a frame, as ICE over TCP does. A request of
 * HTTP begins with a letter or an empty line, TLS with 22, a PROXY header with `P` or an empty line: their
 * first byte decides.
 *
 * @param bytes what has come so far
 * @returns undefined while it may still become one
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const request = Uint8Array.of(0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42);
 * assert.equal(beginsWithIce(request), true);
 * assert.equal(beginsWithIce(request.subarray(0, 9)), undefined);
 * assert.equal(beginsWithIce(new TextEncoder().encode("G")), false);
 * ```
 */
export function beginsWithIce(bytes: Uint8Array): boolean | undefined {
  const [high, low] = bytes;
  if (high === undefined) return undefined;
  if (high > LONGEST_REQUEST >> 8) return false;
  if (low === undefined) return undefined;
  const length = (high << 8) | low;
  if (length < STUN_HEADER || (length & 3) !== 0) return false;
  const message = bytes.subarray(FRAME_HEADER);
  if (!agrees(message, 0, BINDING) || !agrees(message, MAGIC_AT, MAGIC)) return false;
  return bytes.length >= OPENING ? true : undefined;
}

/** Whether what is there of the bytes from `at` on is as it must be. */
function agrees(bytes: Uint8Array, at: number, wanted: readonly number[]): boolean {
  return wanted.every((byte, index) => {
    const there = bytes[at + index];
    return there === undefined || there === byte;
  });
}
