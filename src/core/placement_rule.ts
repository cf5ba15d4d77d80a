// Rules that pin streams to a group of origins, `pattern=label`. A pattern is matched in time that
// grows with the product of two short lengths at most, whatever it is: no regular expressions.

import { ProxyError } from "./errors.ts";

/** Streams whose keys match go to origins of that label. */
export interface PlacementRule {
  /** Of a stream key, `vhost/app/stream`; `*` stands for any characters, `?` for one. */
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
 * Understands rules between commas or spaces; of several that match a stream the first one counts.
 *
 * @throws ProxyError `bad_request`
 */
export function parsePlacement(value: string): readonly PlacementRule[] {
  const rules = value.split(/[\s,]+/).filter((part) => part !== "").map(parseRule);
  if (rules.length <= MAX_RULES) return rules;
  const message = `Cannot use more than ${MAX_RULES} rules: current value is ${rules.length}`;
  throw new ProxyError("bad_request", message);
}

/** The label of the origins to which a stream is pinned; undefined when any will do. */
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

/** Goes back to the last star only: what an earlier one has taken needs no other try. */
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
