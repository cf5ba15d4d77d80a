// Who a client is: its address behind load balancers that are trusted, and the group of addresses that
// one client may have, by which limits count. Knows no header but its text.

import { type Cidr, cidrContains } from "./cidr.ts";
import { normalizeIp } from "./endpoint.ts";
import { formatIp, parseIp, unmapIp } from "./ip_address.ts";

/** Load balancers that are looked behind. */
const MAX_HOPS = 16;
/** An address and a port as some balancers write them; anything longer is neither. */
const LONGEST = 64;

/**
 * The address of the client: that of the connection, or, as long as that is trusted, what it says of the
 * one before: the last entry of X-Forwarded-For, then the one before that. What the client itself has
 * put there stands further left and is never reached.
 *
 * @param peer IP address of whoever has opened the connection
 * @param chain values of X-Forwarded-For, in order
 */
export function clientAddress(
  peer: string,
  chain: readonly string[],
  trusted: readonly Cidr[],
): string {
  let client = peer;
  let rest = chain.join(",");
  for (let hop = 0; hop < MAX_HOPS && rest !== ""; hop++) {
    if (!trusted.some((cidr) => cidrContains(cidr, client))) break;
    const comma = rest.lastIndexOf(",");
    const before = addressIn(rest.slice(comma + 1));
    if (before === undefined) break;
    client = before;
    rest = rest.slice(0, Math.max(comma, 0));
  }
  return client;
}

/** Addresses that count as one: an IPv4 address, or the /64 of an IPv6 one, which people get whole. */
export function addressGroup(ip: string): string {
  const bytes = parseIp(ip);
  if (bytes === undefined) return ip;
  const unmapped = unmapIp(bytes);
  if (unmapped.length === 4) return formatIp(unmapped);
  return `${formatIp([...unmapped.slice(0, 8), 0, 0, 0, 0, 0, 0, 0, 0])}/64`;
}

/** The IP address of an entry, which may have a port. */
function addressIn(entry: string): string | undefined {
  if (entry.length > LONGEST) return undefined;
  const text = entry.trim();
  const [, bracketed, bare] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(text) ?? [];
  return normalizeIp(bracketed ?? bare ?? text);
}
