// Percent-encoding of names (RFC 3986, section 2.1), as forgiving as clients expect.

/**
 * Decodes a text; one that is not valid stays as it is, since a lone percent sign may be meant.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(decodePercent("cam%201"), "cam 1");
 * assert.equal(decodePercent("100%"), "100%");
 * ```
 */
export function decodePercent(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
