// Client addresses as the UDP code carries them: 16 bytes of IPv6 address (IPv4 mapped, RFC 4291 section
// 2.5.5.2) and 2 bytes of port, big-endian. Converts them from and to text; knows no socket.

import { ProxyError } from "../../core/errors.ts";
import { formatIp, parseIp, unmapIp } from "../../core/ip_address.ts";
import type { Address } from "../../core/address.ts";
import { RAW_ADDRESS } from "./port.ts";

const MAPPED = 10;

/** Raw form of an address. @throws ProxyError `internal` when `host` is no IP address */
export function toRawAddress({ host, port }: Address): Uint8Array<ArrayBuffer> {
  const ip = parseIp(host);
  if (!ip) throw new ProxyError("internal", "Cannot use a host name as an address");
  const raw = new Uint8Array(RAW_ADDRESS);
  if (ip.length === 4) raw.fill(0xff, MAPPED, MAPPED + 2);
  raw.set(ip, 16 - ip.length);
  raw[16] = port >> 8;
  raw[17] = port;
  return raw;
}

/** The address as text, IPv4 in its usual form. */
export function fromRawAddress(raw: Uint8Array): Address {
  const host = formatIp(unmapIp([...raw.subarray(0, 16)]));
  return { host, port: (raw[16]! << 8) | raw[17]! };
}

export function isIpv4(raw: Uint8Array): boolean {
  for (let at = 0; at < MAPPED; at++) if (raw[at] !== 0) return false;
  return raw[MAPPED] === 0xff && raw[MAPPED + 1] === 0xff;
}
