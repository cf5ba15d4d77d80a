// What both UDP relays count: bytes and datagrams moved, datagrams dropped, and datagrams lost by
// the engine. Their forwarders report these about once a second. Of a protocol it knows only the
// name.

import { type LabelsOf, type LabelValue, METRICS } from "../../core/metric_table.ts";
import type { Metrics } from "../../core/contracts.ts";
import type { UdpDrops } from "../../net/udp/port.ts";

/** What was moved in one direction. */
export interface Moved {
  readonly packets: number;
  readonly bytes: number;
}

export type UdpProtocol = "rtc" | "srt";

/** Why a relay drops a datagram; losses in the UDP engine are counted separately. */
export type DropReason<P extends UdpProtocol> = LabelValue<
  `srs_proxy_${P}_dropped_total`,
  "reason"
>;

/** What a forwarder has done since its last report. */
export interface MovedFigures<P extends UdpProtocol> {
  readonly fromClients: Moved;
  readonly fromOrigins: Moved;
  /** Datagrams dropped. */
  readonly drops: Readonly<Record<DropReason<P>, number>>;
}

const LOST: Readonly<Record<keyof UdpDrops, LabelValue<"srs_proxy_udp_dropped_total", "reason">>> =
  {
    clientFull: "client_full",
    originFull: "origin_full",
    truncated: "truncated",
    receiveOverflow: "receive_overflow",
    noClient: "no_client",
    failed: "failed",
  };

/** Returns counts of zero, owned by the caller. */
export function nothingDropped<P extends UdpProtocol>(protocol: P): Record<DropReason<P>, number> {
  const { reason: reasons } = METRICS[`srs_proxy_${protocol}_dropped_total`].labels;
  return Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<DropReason<P>, number>;
}

/** Counts into `srs_proxy_PROTOCOL_…`. */
export function countMoved<P extends UdpProtocol>(
  metrics: Metrics,
  protocol: P,
  { fromClients, fromOrigins, drops }: MovedFigures<P>,
): void {
  const ways = { from_clients: fromClients, from_origins: fromOrigins };
  for (const direction of ["from_clients", "from_origins"] as const) {
    const { packets, bytes } = ways[direction];
    if (packets === 0) continue;
    metrics.count(`srs_proxy_${protocol}_relay_packets_total`, { direction }, packets);
    metrics.count(`srs_proxy_${protocol}_relay_bytes_total`, { direction }, bytes);
  }
  const name = `srs_proxy_${protocol}_dropped_total` as const;
  for (const reason of Object.keys(drops) as DropReason<P>[]) {
    if (drops[reason] > 0) metrics.count(name, { reason } as LabelsOf<typeof name>, drops[reason]);
  }
}

export function countLost(metrics: Metrics, protocol: UdpProtocol, lost: UdpDrops): void {
  for (const name of Object.keys(LOST) as (keyof UdpDrops)[]) {
    const labels = { protocol, reason: LOST[name] };
    if (lost[name] > 0) metrics.count("srs_proxy_udp_dropped_total", labels, lost[name]);
  }
}
