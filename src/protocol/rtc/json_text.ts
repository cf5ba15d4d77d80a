// JSON objects as the text they came in: single members are read, or replaced so that everything
// else stays as it was written, numbers of any length, order and white space included. RFC 8259.

import { ProtocolError } from "../../core/errors.ts";

/** Everything of JSON that is not white space. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/**
 * The members of the object that a text is.
 *
 * @throws ProtocolError when it is no JSON, or another value
 */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> {
  const value = tryParse(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
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
 * The object with another text for a member of it, everything else as it was; as it is when it has
 * no member of that name.
 *
 * @param text of an object that `parseJsonObject` takes
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
