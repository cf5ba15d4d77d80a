// Where the proxies of a fleet listen, which each of them tells the others so that none is taken for an
// origin. Plain data; the registry exchanges it.

import { addressKind } from "./cidr.ts";
import { normalizeIp } from "./endpoint.ts";
import type { Address } from "./address.ts";
import type { Protocol } from "./origin.ts";

/** Transport protocol: a port number is a different port in each of them. */
export type Transport = "tcp" | "udp";

/** The transport of each protocol towards origins. */
export const TRANSPORTS: Readonly<Record<Protocol, Transport>> = {
  rtmp: "tcp",
  http: "tcp",
  api: "tcp",
  srt: "udp",
  rtc: "udp",
};

/** A bound port; a wildcard host stands for every address of the machine. */
export interface BoundAddress extends Address {
  readonly transport: Transport;
}

/** One proxy: its ports, and the addresses of its machine by which others may know it. */
export interface ProxyPlace {
  readonly listeners: readonly BoundAddress[];
  readonly ips: readonly string[];
}

/**
 * This proxy's place, without addresses that are meaningful only on this machine.
 *
 * @param localIps in canonical form
 */
export function placeOf(
  listeners: readonly BoundAddress[],
  localIps: readonly string[],
): ProxyPlace {
  return { listeners, ips: localIps.filter((ip) => !isLoopback(ip)) };
}

/**
 * Whether a proxy listens at an address, seen from the machine with the addresses `localIps`: a loopback
 * address leads to that machine, and so only to the proxies on it.
 */
export function listensAt(
  { listeners, ips }: ProxyPlace,
  address: BoundAddress,
  localIps: readonly string[],
): boolean {
  const isHere = ips.length === 0 || ips.some((ip) => localIps.includes(ip));
  return listeners.some(({ transport, host, port }) => {
    if (transport !== address.transport || port !== address.port) return false;
    const bound = normalizeIp(host) ?? host;
    if (addressKind(bound) !== "unspecified") {
      return bound === address.host && (isHere || !isLoopback(bound));
    }
    return ips.includes(address.host) || (isHere && isLoopback(address.host));
  });
}

function isLoopback(ip: string): boolean {
  const kind = addressKind(ip);
  return kind === "loopback" || kind === "unspecified";
}

/** The sessions of one proxy, as it reports them to the others. */
export interface SessionCounts {
  /** By id of the origin. */
  readonly origins: Readonly<Record<string, OriginCounts>>;
  /** Number of viewers by stream key and protocol. */
  readonly streams: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Number of publishers by stream key, without zeros. */
  readonly publishers: Readonly<Record<string, number>>;
  /** Bit rates by stream key, without zeros: from its publisher, and to its viewers. */
  readonly rates: Readonly<Record<string, readonly [bitsIn: number, bitsOut: number]>>;
}

/** The sessions of one proxy at one origin; rates in bits per second. */
export interface OriginCounts {
  readonly publishers: number;
  readonly viewers: number;
  /** To the origin, and from it. */
  readonly bitsIn: number;
  readonly bitsOut: number;
}
