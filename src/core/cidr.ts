// Ranges of IP addresses: those that an operator allows, and the special ranges of the IANA registries
// (RFC 6890). Says what an address is, not what may be done with it.

import { ProxyError } from "./errors.ts";
import { parseIp, startsWith, unmapIp } from "./ip_address.ts";

/** A range of addresses of one family; plain data. */
export interface Cidr {
  /** First address of the range: four bytes or sixteen. */
  readonly bytes: readonly number[];
  /** How many leading bits are fixed: 0–32 or 0–128. */
  readonly prefix: number;
}

/** What an address is for; `global` is anything else. */
export type AddressKind =
  | "unspecified"
  | "loopback"
  | "link_local"
  | "multicast"
  | "broadcast"
  | "reserved"
  | "metadata"
  | "private"
  | "global";

/**
 * Parses `address/prefix`, or a single address as a range of one. Bits after the prefix are dropped, and
 * a range inside `::ffff:0:0/96` becomes the IPv4 range that it stands for.
 *
 * @throws ProxyError `bad_request`
 */
export function parseCidr(text: string): Cidr {
  const [, address, digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const written = address === undefined ? undefined : parseIp(address);
  const writtenPrefix = digits === undefined ? (written?.length ?? 0) * 8 : Number(digits);
  if (!written || writtenPrefix > written.length * 8) {
    throw new ProxyError("bad_request", `Cannot parse an address range: current value is ${text}`);
  }
  const bytes = writtenPrefix >= 96 ? unmapIp(written) : written;
  const prefix = writtenPrefix - (written.length - bytes.length) * 8;
  return { bytes: bytes.map((byte, index) => byte & maskByte(prefix, index)), prefix };
}

/** Whether the address is in the range; false for text that is not an IP address. Unmaps IPv4 first. */
export function cidrContains(cidr: Cidr, ip: string): boolean {
  const bytes = parseIp(ip);
  return bytes !== undefined && inRange(cidr, unmapIp(bytes));
}

/**
 * The kind of an address. An IPv6 form that contains an IPv4 address (mapped, compatible, NAT64, 6to4)
 * has the kind of the IPv4 address, so that no spelling hides a special one.
 *
 * @throws ProxyError `bad_request` when it is not an IP address
 */
export function addressKind(ip: string): AddressKind {
  const parsed = parseIp(ip);
  if (!parsed) {
    throw new ProxyError("bad_request", `Cannot use as an IP address: current value is ${ip}`);
  }
  const bytes = unwrapIpv4(parsed);
  const found = SPECIAL_RANGES.find(({ range }) => inRange(range, bytes));
  if (found) return found.kind;
  // Only 2000::/3 has been assigned for global use.
  return bytes.length === 4 || ((bytes[0] ?? 0) & 0xe0) === 0x20 ? "global" : "reserved";
}

// The first range that contains the address wins.
const SPECIAL_RANGES: readonly { range: Cidr; kind: AddressKind }[] = [
  ...special("unspecified", "0.0.0.0", "::"),
  ...special("broadcast", "255.255.255.255"),
  ...special("loopback", "127.0.0.0/8", "::1"),
  ...special("link_local", "169.254.0.0/16", "fe80::/10"),
  ...special("multicast", "224.0.0.0/4", "ff00::/8"),
  // Where clouds keep machines' secrets, outside the link-local range: Azure, Alibaba, AWS, Google.
  ...special("metadata", "168.63.129.16", "100.100.100.200", "fd00:ec2::/32", "fd20:ce::/32"),
  ...special("private", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
  // Carrier-grade NAT and benchmark networks: private in all but name.
  ...special("private", "100.64.0.0/10", "198.18.0.0/15"),
  ...special("reserved", "0.0.0.0/8", "192.0.0.0/24", "240.0.0.0/4", "2001::/32"),
];

function special(kind: AddressKind, ...ranges: string[]): { range: Cidr; kind: AddressKind }[] {
  return ranges.map((range) => ({ range: parseCidr(range), kind }));
}

const COMPATIBLE_PREFIX: readonly number[] = new Array<number>(12).fill(0);
const NAT64_PREFIX: readonly number[] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
const SIX_TO_FOUR_PREFIX: readonly number[] = [0x20, 0x02];

function unwrapIpv4(parsed: readonly number[]): readonly number[] {
  const bytes = unmapIp(parsed);
  if (startsWith(bytes, NAT64_PREFIX)) return bytes.slice(12);
  if (bytes.length === 16 && startsWith(bytes, SIX_TO_FOUR_PREFIX)) return bytes.slice(2, 6);
  if (!startsWith(bytes, COMPATIBLE_PREFIX)) return bytes;
  // "::" and "::1" look like IPv4-compatible addresses but are IPv6's own.
  const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(12);
  return a + b + c === 0 && d <= 1 ? bytes : [a, b, c, d];
}

function inRange(range: Cidr, bytes: readonly number[]): boolean {
  return bytes.length === range.bytes.length &&
    bytes.every((byte, index) => (byte & maskByte(range.prefix, index)) === range.bytes[index]);
}

/** The bits that a prefix of this length fixes in byte `index`. */
function maskByte(prefix: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}
