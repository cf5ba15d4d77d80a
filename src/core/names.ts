// What names of streams and origins from outside may contain if they are kept, compared and shown. The
// same in every protocol, since a name that arrives by one leaves by the others and is stored in Redis.

import { ProxyError } from "./errors.ts";
import { shown } from "./visible_text.ts";

/** Longest name, in bytes of UTF-8. */
const MAX_NAME_BYTES = 256;

const TEXT = new TextEncoder();
/** C0, DEL and C1; line and paragraph separators; bidirectional controls, which reverse text. */
const CONTROL = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;

/** Why a text cannot be a name, as the end of a sentence; undefined if it can. Does not check its length. */
export function nameFlaw(name: string): string | undefined {
  // UTF-8 cannot encode half of a surrogate pair: a different name would be stored.
  if (!name.isWellFormed()) return "must not contain half a character";
  return CONTROL.test(name) ? "must not contain control characters" : undefined;
}

/**
 * Refuses names that cannot be used.
 *
 * @throws ProxyError `bad_request` when it is too long or contains forbidden characters
 */
export function requireName(name: string): void {
  const bytes = TEXT.encode(name).length;
  if (bytes > MAX_NAME_BYTES) {
    const message = `Cannot use a name over ${MAX_NAME_BYTES} bytes: current value is`;
    throw new ProxyError("bad_request", `${message} ${bytes} bytes`);
  }
  const flaw = nameFlaw(name);
  if (flaw === undefined) return;
  throw new ProxyError(
    "bad_request",
    `Cannot use this name, it ${flaw}: current value is ${shown(name)}`,
  );
}
