// Who a client behind trusted proxies is, from what each of them has appended to X-Forwarded-For, read
// from our side. Everything to the left of the first untrusted address is the client's own claim and
// proves nothing. Pure; RFC 7239 section 5.2 defines the successor of these fields.

import { type Cidr, cidrContains } from "./cidr.ts";
import { normalizeIp } from "./endpoint.ts";

/** What a request says about its path. */
export interface ForwardedBy {
  readonly peer: string;
  /** All values of X-Forwarded-For, in order. */
  readonly forwardedFor: readonly string[];
  /** X-Real-IP, used if there is no X-Forwarded-For. */
  readonly realIp: string | undefined;
}

/**
 * The path of a request as far as it can be trusted: the client's address, then those of the trusted
 * proxies that it has passed, the peer last. If the peer is not trusted, only the peer.
 */
export function trustedWay(said: ForwardedBy, trusted: readonly Cidr[]): string[] {
  const isTrusted = (ip: string) => trusted.some((cidr) => cidrContains(cidr, ip));
  const chain = said.forwardedFor.flatMap((value) => value.split(","));
  const claimed = chain.length > 0 ? chain : said.realIp === undefined ? [] : [said.realIp];
  const way = [said.peer];
  while (isTrusted(way[0]!) && claimed.length > 0) {
    const ip = addressIn(claimed.pop()!);
    // "unknown" and the like: this proxy does not reveal its client.
    if (ip === undefined) break;
    way.unshift(ip);
  }
  return way;
}

/** The address in one entry, which may have a port; undefined if there is none. */
function addressIn(entry: string): string | undefined {
  const text = entry.trim();
  if (text.length > 64) return undefined;
  const [, bracketed, bare] = /^(?:\[([0-9a-f:.]+)\]|([\d.]+))(?::\d{1,5})?$/i.exec(text) ?? [];
  return normalizeIp(bracketed ?? bare ?? text);
}
