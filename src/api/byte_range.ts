// The Range header of HTTP (RFC 9110, section 14), for a single range of something of known size.

/** Bytes from `start` up to but not including `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The requested range cut to the size; "unsatisfiable" if it lies outside; undefined if everything is to
 * be sent, as for several ranges, other units and nonsense.
 */
export function parseByteRange(
  header: string,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const { first, last } = splitRange(header) ?? {};
  if (first === undefined || last === undefined || first + last === "") return undefined;
  if (first === "") {
    const start = Math.max(0, size - Number(last));
    return start < size ? { start, end: size } : "unsatisfiable";
  }
  const start = Number(first);
  const end = last === "" ? size : Math.min(size, Number(last) + 1);
  if (last !== "" && Number(last) < start) return undefined;
  return start < size ? { start, end } : "unsatisfiable";
}

/** The digits on both sides of the dash; undefined for anything but one range in bytes. */
function splitRange(header: string): { first: string; last: string } | undefined {
  const [unit = "", range = "", ...more] = header.split("=", 3);
  const [first = "", last, ...others] = range.split("-", 3).map((digits) => digits.trim());
  const isOne = more.length === 0 && last !== undefined && others.length === 0;
  if (!isOne || unit.trim().toLowerCase() !== "bytes") return undefined;
  return /^\d*$/.test(first) && /^\d*$/.test(last) ? { first, last } : undefined;
}
