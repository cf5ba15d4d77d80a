// Durations as Go writes them ("300s", "1h30m"), since the proxy's variables have always been written that
// way. Format: https://pkg.go.dev/time#ParseDuration

import { ProxyError } from "./errors.ts";

const MILLISECONDS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3, // micro sign
  "\u03bcs": 1e-3, // Greek mu
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/**
 * Parses a Go duration into milliseconds, negative and fractional ones included.
 *
 * @throws ProxyError `bad_request`
 */
export function parseDuration(text: string): number {
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  const rest = text.slice(sign.length);
  const total = rest === "0" ? 0 : sumOfParts(rest);
  if (total === undefined) {
    const hint = /^(?:\d{1,9})(?:\.\d{1,9})?$/.test(rest) ? ` without a unit, write ${text}s` : "";
    throw new ProxyError("bad_request", `Cannot parse a duration${hint}: current value is ${text}`);
  }
  return sign === "-" ? -total : total;
}

function sumOfParts(text: string): number | undefined {
  let total = 0;
  let at = 0;
  while (at < text.length || at === 0) {
    PART.lastIndex = at;
    const [part, amount, unit] = PART.exec(text) ?? [];
    if (part === undefined) return undefined;
    total += Number(amount) * (MILLISECONDS[unit ?? ""] ?? NaN);
    at += part.length;
  }
  return total;
}
