// Reads and edits JSON objects as text: single members are replaced and everything else stays as
// written, including long numbers, order and white space. RFC 8259.

import { ProtocolError } from "../../core/errors.ts";
import { isObject, type JsonObject } from "../../core/json_object.ts";

/** Any JSON token. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/**
 * Parses a text that must be a JSON object.
 *
 * @throws ProtocolError when it is not JSON or not an object
 */
export function parseJsonObject(text: string): JsonObject {
  const value = tryParse(text);
  if (isObject(value)) return value;
  throw new ProtocolError("Cannot read the body: it is not a JSON object");
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Replaces a member's value with a text and leaves everything else unchanged; returns the object
 * unchanged if it has no such member.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const text = `{ "n": 1.0, "sdp": "v=0" }`;
 * assert.equal(replaceMember(text, "sdp", "v=1"), `{ "n": 1.0, "sdp": "v=1" }`);
 * ```
 *
 * @param text an object that `parseJsonObject` accepts
 */
export function replaceMember(text: string, name: string, value: string): string {
  let depth = 0;
  let before: string | undefined;
  let isWanted = false;
  return text.replace(TOKEN, (token: string) => {
    if (token === "}" || token === "]") depth--;
    if (depth === 1 && token === ":") isWanted = before !== undefined && isName(before, name);
    else if (isWanted && depth === 1 && token.startsWith('"')) {
      isWanted = false;
      before = undefined;
      return JSON.stringify(value);
    } else isWanted = false;
    before = token.startsWith('"') ? token : undefined;
    if (token === "{" || token === "[") depth++;
    return token;
  });
}

function isName(token: string, name: string): boolean {
  return tryParse(token) === name;
}
