// The mark that this process puts on requests to origins, by which it recognizes one that comes
// back: Via, RFC 9110 section 7.6.3. Otherwise a proxy registered as an origin would call itself
// until the machine is full.

import { ProxyError } from "./errors.ts";

/** Proxies of our kind, and of any, that one request may have come through. */
const MOST_OF_OURS = 4;
const MOST = 16;
const KIND = "srs-proxy-";

/** One process, as it names itself to origins. */
export class HopMark {
  /** What stands in Via for this process, so that no address is told. */
  readonly pseudonym: string;

  /** @param pseudonym of the process, where it has one already */
  constructor(pseudonym = KIND + crypto.randomUUID().slice(0, 13)) {
    this.pseudonym = pseudonym;
  }

  /** One member of Via. @param version of HTTP by which the request has come */
  via(version: string): string {
    return `${version} ${this.pseudonym}`;
  }

  /**
   * Refuses a request that has been here already, or has come too far.
   *
   * @param via the members of its Via, in lower case
   * @throws ProxyError `loop`
   */
  requireNew(via: readonly string[]): void {
    const names = via.map((member) => member.split(/[ \t]/, 2)[1] ?? "");
    const ours = names.filter((name) => name.startsWith(KIND)).length;
    if (names.includes(this.pseudonym)) {
      throw new ProxyError("loop", "Cannot pass on a request that comes back to this proxy");
    }
    if (ours >= MOST_OF_OURS || names.length >= MOST) {
      throw new ProxyError("loop", "Cannot pass on a request that has come through many proxies");
    }
  }
}
