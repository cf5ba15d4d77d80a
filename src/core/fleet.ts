// Where the proxies of a fleet listen: what each of them tells the others, so that none of them is
// taken for an origin. Plain data; exchanging it is the registry's business.

import { addressKind } from "./cidr.ts";
import { normalizeIp } from "./endpoint.ts";
import type { Address } from "./address.ts";
import type { Protocol } from "./origin.ts";

/** What carries a conversation: the same port number means two ports, one of each. */
export type Transport = "tcp" | "udp";

/** What carries each conversation with an origin. */
export const TRANSPORTS: Readonly<Record<Protocol, Transport>> = {
  rtmp: "tcp",
  http: "tcp",
  api: "tcp",
  srt: "udp",
  rtc: "udp",
};

/** A port that is bound; a wildcard host stands for every address of the machine. */
export interface BoundAddress extends Address {
  readonly transport: Transport;
}

/** One proxy: its ports, and the addresses of its machine that others may know it by. */
export interface ProxyPlace {
  readonly listeners: readonly BoundAddress[];
  readonly ips: readonly string[];
}

/** Where this proxy is; addresses that mean something on this machine alone are left out. */
export function placeOf(
  listeners: readonly BoundAddress[],
  localIps: readonly string[],
): ProxyPlace {
  const ips = localIps.flatMap((ip) => normalizeIp(ip) ?? []).filter((ip) => !isLoopback(ip));
  return { listeners, ips };
}

/**
 * Whether a proxy listens at an address, as somebody on the machine with the addresses `localIps` dials it:
 * a loopback address leads to that machine, and so to the proxies on it alone.
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

/** The sessions of one proxy, as others show them. */
export interface SessionCounts {
  /** By id of the origin. */
  readonly origins: Readonly<Record<string, OriginCounts>>;
  /** Viewers by stream key and by protocol. */
  readonly streams: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Bit rates by stream key, of those that have any: from its publisher, and to its viewers. */
  readonly rates: Readonly<Record<string, readonly [bitsIn: number, bitsOut: number]>>;
}

/** The sessions of one proxy at one origin; rates in bits a second. */
export interface OriginCounts {
  readonly publishers: number;
  readonly viewers: number;
  /** Of what goes to the origin, and of what comes from it. */
  readonly bitsIn: number;
  readonly bitsOut: number;
}
