// Tells by its first bytes whether a connection is ICE over TCP or another protocol. Pure.

import { FRAME_HEADER } from "./framing.ts";

/** Number of bytes that are enough to tell. */
export const OPENING = FRAME_HEADER + 8;

/** Length of a STUN message before its attributes, bytes. */
const STUN_HEADER = 20;
/** Longest ICE request, bytes; no other protocol's first byte would mean so small a length. */
const LONGEST_REQUEST = 2_047;
/** The Binding request type and, after the length, the magic cookie: RFC 8489 section 5. */
const BINDING = [0, 1];
const MAGIC = [0x21, 0x12, 0xa4, 0x42];
const MAGIC_AT = 4;

/**
 * Whether a connection begins with a framed STUN Binding request, as ICE over TCP does. An HTTP
 * request begins with a letter or an empty line, TLS with 22, a PROXY header with `P` or an empty
 * line, so their first byte decides.
 *
 * @param bytes the bytes received so far
 * @returns undefined while more bytes are needed
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

/** Whether the bytes available from `at` on match. */
function agrees(bytes: Uint8Array, at: number, wanted: readonly number[]): boolean {
  return wanted.every((byte, index) => {
    const there = bytes[at + index];
    return there === undefined || there === byte;
  });
}
