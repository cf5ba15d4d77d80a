// Rules that pin streams to a group of origins, `pattern=label`. Matching takes at most time proportional
// to the product of two short lengths, whatever the pattern: no regular expressions are used.

import { ProxyError } from "./errors.ts";

/** Streams whose key matches go only to origins with that label. */
export interface PlacementRule {
  /** Matched against the stream key, `vhost/app/stream`; `*` stands for any characters, `?` for one. */
  readonly pattern: string;
  readonly label: string;
}

const MAX_PATTERN = 256;
const MAX_RULES = 256;
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,62})$/;

/** Whether a text can be a label. */
export function isLabel(text: string): boolean {
  return LABEL.test(text);
}

/**
 * Parses rules separated by commas or spaces; the first one that matches a stream applies.
 *
 * @throws ProxyError `bad_request`
 */
export function parsePlacement(value: string): readonly PlacementRule[] {
  const rules = value.split(/[\s,]+/).filter((part) => part !== "").map(parseRule);
  if (rules.length <= MAX_RULES) return rules;
  const message = `Cannot use more than ${MAX_RULES} rules: current value is ${rules.length}`;
  throw new ProxyError("bad_request", message);
}

/** The label of the origins to which a stream is pinned; undefined if it is not pinned. */
export function labelFor(rules: readonly PlacementRule[], stream: string): string | undefined {
  return rules.find(({ pattern }) => matches(pattern, stream))?.label;
}

function parseRule(text: string): PlacementRule {
  const at = text.lastIndexOf("=");
  const [pattern, label] = [text.slice(0, at), text.slice(at + 1)];
  const isPattern = pattern.length <= MAX_PATTERN && pattern.split("/").length >= 3;
  if (at > 0 && isPattern && isLabel(label)) return { pattern, label };
  throw new ProxyError(
    "bad_request",
    `Cannot use as a rule such as */news/*=label: current value is ${text.slice(0, MAX_PATTERN)}`,
  );
}

/** Backtracks to the last star only: what earlier ones have matched need not be tried again. */
function matches(pattern: string, text: string): boolean {
  let [at, from] = [0, 0];
  let star = -1;
  let starFrom = 0;
  while (from < text.length) {
    if (pattern[at] === "*") {
      star = at++;
      starFrom = from;
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === text[from])) {
      at++;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++starFrom;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
