// Who a client is behind trusted proxies: what each of them has added to X-Forwarded-For, read from
// our side. Whatever is to the left of the first untrusted address is the client's own claim and
// proves nothing. Pure; RFC 7239 section 5.2 defines the successor of these fields.

import { type Cidr, cidrContains } from "./cidr.ts";
import { normalizeIp } from "./endpoint.ts";

/** What a request says of where it comes from. */
export interface ForwardedBy {
  /** Address of the connection. */
  readonly peer: string;
  /** All values of X-Forwarded-For, in order. */
  readonly forwardedFor: readonly string[];
  /** X-Real-IP, which counts where there is no X-Forwarded-For. */
  readonly realIp: string | undefined;
}

/**
 * The way of a request as far as it can be believed: the client's address, then those of the trusted
 * proxies that it has come through, the peer last. With a peer that is not trusted it is that alone.
 */
export function trustedWay(said: ForwardedBy, trusted: readonly Cidr[]): string[] {
  const isTrusted = (ip: string) => trusted.some((cidr) => cidrContains(cidr, ip));
  const chain = said.forwardedFor.flatMap((value) => value.split(","));
  const claimed = chain.length > 0 ? chain : said.realIp === undefined ? [] : [said.realIp];
  const way = [said.peer];
  while (isTrusted(way[0]!) && claimed.length > 0) {
    const ip = addressIn(claimed.pop()!);
    // "unknown" and the like: this proxy does not reveal who is behind it.
    if (ip === undefined) break;
    way.unshift(ip);
  }
  return way;
}

/** The address in one entry, which may have a port; undefined when there is none. */
function addressIn(entry: string): string | undefined {
  const text = entry.trim();
  if (text.length > 64) return undefined;
  const [, bracketed, bare] = /^(?:\[([0-9a-f:.]+)\]|([\d.]+))(?::\d{1,5})?$/i.exec(text) ?? [];
  return normalizeIp(bracketed ?? bare ?? text);
}
