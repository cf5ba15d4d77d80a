// The mark that this process puts on requests to origins, by which it recognizes one that comes back:
// Via, RFC 9110 section 7.6.3. Otherwise a proxy registered as an origin would call itself until the
// machine's resources are used up.

import { ProxyError } from "./errors.ts";

/** Limits on the proxies, ours and any, that a request may have passed. */
const MOST_OF_OURS = 4;
const MOST = 16;
const KIND = "srs-proxy-";

export class HopMark {
  /** This process's name in Via, which reveals no address. */
  readonly pseudonym: string;

  /** @param pseudonym of the process, if it has one already */
  constructor(pseudonym = KIND + crypto.randomUUID().slice(0, 13)) {
    this.pseudonym = pseudonym;
  }

  /** This process's member of Via. @param version of HTTP in which the request arrived */
  via(version: string): string {
    return `${version} ${this.pseudonym}`;
  }

  /**
   * Refuses a request that has been here before, or has passed too many proxies.
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
