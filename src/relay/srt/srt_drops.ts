// Why a datagram from an SRT client was dropped, or its handshake refused at once, apart from what
// the UDP engine counts.

const REASONS = [
  "malformed",
  "unknown_socket",
  "bad_cookie",
  "old_version",
  "bad_handshake",
  "loop",
  "no_stream_id",
  "bad_stream_id",
  "key_material",
  "session_limit",
  "address_limit",
  "draining",
] as const;

/** A reason, as the metric's label has it. */
export type SrtDrop = typeof REASONS[number];

/** A count for each reason. */
export type SrtDropCounts = Record<SrtDrop, number>;

/** Nothing dropped yet; the caller owns the object. */
export function noSrtDrops(): SrtDropCounts {
  return Object.fromEntries(REASONS.map((reason) => [reason, 0])) as SrtDropCounts;
}
