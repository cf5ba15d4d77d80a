// The notations in which people and SRS write addresses: where to listen, where an origin listens. Does no
// name lookups: a host is an IP address. What an address may be used for is decided in cidr.ts and by
// whoever dials.

import { ProxyError } from "./errors.ts";
import { formatIp, parseIp, unmapIp } from "./ip_address.ts";
import type { Address } from "./address.ts";

/** Where to listen; no `host` means every address of the machine, port 0 any free port. */
export interface ListenAddress {
  readonly host?: string;
  readonly port: number;
}

/** Whether two listeners want the same port; two that take any free port do not. */
export function isSameAddress(one: ListenAddress, other: ListenAddress): boolean {
  return one.port !== 0 && one.port === other.port && one.host === other.host;
}

/** Where an origin says it listens; without `host`, at the address that it registered with. */
export interface Endpoint {
  /** The text before `://`, in lower case, such as `tcp` or `udp`. */
  readonly protocol?: string;
  readonly host?: string;
  /** 1–65535. */
  readonly port: number;
}

/**
 * Parses `port`, `:port`, `ip:port` or `[v6]:port`; `localhost` means 127.0.0.1.
 *
 * @throws ProxyError `bad_request`
 */
export function parseListenAddress(text: string): ListenAddress {
  const address = parseHostAndPort(text.replace(/^localhost:/i, "127.0.0.1:"), 0);
  if (address) return address;
  throw new ProxyError("bad_request", `Cannot parse a listen address: current value is ${text}`);
}

/**
 * Parses `port`, `ip:port`, `[v6]:port`, `proto://ip:port`, `proto://:port` or `proto://port`.
 * A wildcard host (`0.0.0.0`, `::`) is returned as it is.
 *
 * @throws ProxyError `bad_request`
 */
export function parseEndpoint(text: string): Endpoint {
  const [, protocol, rest] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/i.exec(text) ?? [];
  const address = parseHostAndPort(rest ?? "", 1);
  if (!address) {
    throw new ProxyError("bad_request", `Cannot parse an endpoint: current value is ${text}`);
  }
  return protocol === undefined ? address : { protocol: protocol.toLowerCase(), ...address };
}

/**
 * The canonical text of an IP address, `::ffff:a.b.c.d` as `a.b.c.d`; undefined for a host name or
 * anything else.
 */
export function normalizeIp(text: string): string | undefined {
  const bytes = parseIp(text);
  return bytes && formatIp(unmapIp(bytes));
}

/** `host:port`, with IPv6 in brackets. */
export function formatAddress(address: Address): string {
  const { host, port } = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address as an origin registers it, so that they can be compared. */
export function formatEndpoint(protocol: string, address: Address): string {
  if (address.tls === undefined) return formatAddress(address);
  return `${protocol === "rtmp" ? "rtmps" : "https"}://${formatAddress(address)}`;
}

function parseHostAndPort(text: string, lowestPort: number): ListenAddress | undefined {
  const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [, bracketed, bare, digits] = match;
  const port = Number(digits);
  if (port < lowestPort || port > 65535) return undefined;
  // Brackets are for IPv6 only: "[1.2.3.4]:80" is a mistake.
  if (bracketed !== undefined && !bracketed.includes(":")) return undefined;
  const written = bracketed ?? bare;
  if (!written) return { port };
  const host = normalizeIp(written);
  return host === undefined ? undefined : { host, port };
}
