// Bytes as base64url without padding, RFC 4648 section 5.

import { trimEndOf } from "./margins.ts";
import { bytesOfText, textOfBytes } from "./binary_text.ts";

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
