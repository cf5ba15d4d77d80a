// Why a WebRTC client's datagram was dropped, apart from what the UDP engine counts.

const REASONS = [
  "unknown_address",
  "malformed",
  "unknown_user",
  "bad_integrity",
  "verify_limit",
  "address_limit",
  "socket_limit",
] as const;

/** A reason, as the metric's label has it. */
export type MediaDrop = typeof REASONS[number];

/** A count for each reason. */
export type MediaDropCounts = Record<MediaDrop, number>;

/** Nothing dropped yet; the caller owns the object. */
export function noMediaDrops(): MediaDropCounts {
  return Object.fromEntries(REASONS.map((reason) => [reason, 0])) as MediaDropCounts;
}
