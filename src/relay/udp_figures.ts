// What the UDP relays count in the same way: bytes moved, datagrams dropped, and what the engine
// has lost. Their threads report it about once a second. Knows no protocol except by name.

import type { Metrics } from "../core/ports.ts";
import type { UdpDrops } from "../net/udp/port.ts";

/** What has flowed in one direction. */
export interface Moved {
  readonly packets: number;
  readonly bytes: number;
}

/** What a thread has done since it last said so. */
export interface MovedFigures {
  readonly fromClients: Moved;
  readonly fromOrigins: Moved;
  /** Datagrams dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>;
}

/** Counts into `srs_proxy_PROTOCOL_…`. */
export function countMoved(metrics: Metrics, protocol: "rtc" | "srt", figures: MovedFigures): void {
  const { fromClients, fromOrigins, drops } = figures;
  const ways = { from_clients: fromClients, from_origins: fromOrigins };
  for (const [direction, { packets, bytes }] of Object.entries(ways)) {
    if (packets === 0) continue;
    metrics.count(`srs_proxy_${protocol}_relay_packets_total`, { direction }, packets);
    metrics.count(`srs_proxy_${protocol}_relay_bytes_total`, { direction }, bytes);
  }
  for (const [reason, count] of Object.entries(drops)) {
    if (count > 0) metrics.count(`srs_proxy_${protocol}_dropped_total`, { reason }, count);
  }
}

/** Counts what the engine has lost. */
export function countLost(metrics: Metrics, protocol: "rtc" | "srt", lost: UdpDrops): void {
  for (const [name, count] of Object.entries(lost)) {
    const reason = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (count > 0) metrics.count("srs_proxy_udp_dropped_total", { protocol, reason }, count);
  }
}
