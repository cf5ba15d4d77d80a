// Bytes as base64url without padding, RFC 4648 section 5.

import { trimEndOf } from "./margins.ts";
import { bytesOfText, textOfBytes } from "./binary_text.ts";

/**
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const text = encodeBase64Url(Uint8Array.of(251, 255));
 * assert.equal(text, "-_8");
 * assert.deepEqual(decodeBase64Url(text), Uint8Array.of(251, 255));
 * ```
 */
export function encodeBase64Url(bytes: Uint8Array): string {
  return trimEndOf(btoa(textOfBytes(bytes)).replaceAll("+", "-").replaceAll("/", "_"), "=");
}

/** Undefined when the text is not base64url. */
export function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return bytesOfText(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return undefined;
  }
}
