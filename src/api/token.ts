// Compares a secret that a client presents with the configured one. Never logs either.

import { trimEndOf } from "../core/margins.ts";
import { createHash, timingSafeEqual } from "node:crypto";

/** What an API requires. */
export interface ApiAccess {
  /** Absent = nothing. */
  readonly token?: string | undefined;
}

/**
 * Whether any of the presented texts is the token. Takes as long for a wrong one as for the right one,
 * whatever their lengths.
 */
export function holdsToken(token: string, presented: readonly (string | undefined)[]): boolean {
  const expected = digest(token);
  let holds = false;
  for (const text of presented) {
    if (text !== undefined && timingSafeEqual(digest(text), expected)) holds = true;
  }
  return holds;
}

/** The token of an `Authorization: Bearer …` header. */
export function bearerToken(header: string | undefined): string | undefined {
  const [scheme] = /^Bearer +/i.exec(header ?? "") ?? [];
  const token = header?.slice(scheme?.length ?? header.length);
  return (token && trimEndOf(token, " ")) || undefined;
}

/** The password of an `Authorization: Basic …` header, whatever the user name (RFC 7617). */
export function basicPassword(header: string | undefined): string | undefined {
  const [, encoded] = /^Basic +([\w+/]+={0,2}) *$/i.exec(header ?? "") ?? [];
  if (encoded === undefined) return undefined;
  let pair: string;
  try {
    pair = atob(encoded);
  } catch {
    return undefined;
  }
  // A user name contains no colon (RFC 7617). As tokens are ASCII, the encoding of the rest does not matter.
  const colon = pair.indexOf(":");
  return colon < 0 ? undefined : pair.slice(colon + 1) || undefined;
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
