// Host names in place of addresses, and lists of allowed names. Looks nothing up.

/** A label of RFC 1123, plus the underscores that container platforms use. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;
const LONGEST_NAME = 253;
const LONGEST_LABEL = 63;

/**
 * A host name in lower case, without a trailing dot; undefined for anything else. The last label must
 * begin with a letter, so that nothing passes that others read as an address, such as `0x7f.1`.
 */
export function normalizeHostName(text: string): string | undefined {
  if (text.length > LONGEST_NAME + 1) return undefined;
  const name = (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
  const labels = name.split(".");
  if (!labels.every((label) => label.length <= LONGEST_LABEL && LABEL.test(label))) {
    return undefined;
  }
  return /^[a-z]/.test(labels.at(-1) ?? "") ? name : undefined;
}

/** One name, or, as `*.example.com`, all names below one, at any depth. */
export type HostPattern = string;

/** The canonical form of a pattern; undefined if it is not one. */
export function normalizeHostPattern(text: string): HostPattern | undefined {
  const isDomain = text.startsWith("*.");
  const name = normalizeHostName(isDomain ? text.slice(2) : text);
  return name !== undefined && isDomain ? `*.${name}` : name;
}

/** Whether a canonical name matches the pattern. */
export function matchesHost(pattern: HostPattern, name: string): boolean {
  return pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) : name === pattern;
}
