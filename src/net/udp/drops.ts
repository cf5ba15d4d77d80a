// Counts of lost datagrams at zero.

import type { UdpDrops } from "./port.ts";

/** All counts at zero; the caller owns the object. */
export function noDrops(): UdpDrops {
  return {
    clientFull: 0,
    originFull: 0,
    truncated: 0,
    receiveOverflow: 0,
    noClient: 0,
    failed: 0,
  };
}
