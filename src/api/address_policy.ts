// Which addresses an origin may announce: otherwise whoever can register could make the proxy connect to
// anything it can reach, itself included. The special ranges are defined in core/cidr.

import { type AddressKind, addressKind, type Cidr, cidrContains } from "../core/cidr.ts";
import { formatAddress, normalizeIp } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import { type HostPattern, matchesHost, normalizeHostName } from "../core/host_name.ts";
import { logger } from "../core/log.ts";
import { type BoundAddress, listensAt, placeOf, type ProxyPlace } from "../core/fleet.ts";

export interface AddressPolicyOptions {
  /**
   * Ranges that an origin may announce, whatever kinds of addresses they cover, and names. If both are
   * empty, any address that belongs to a single machine is allowed, and no name.
   */
  readonly allow: () => readonly Cidr[];
  readonly allowNames: () => readonly HostPattern[];
  /** Where the proxy itself listens; a wildcard host stands for every address of the machine. */
  readonly ownAddresses: () => readonly BoundAddress[];
  /** Where the other proxies of the fleet are, as far as that is known. */
  readonly otherProxies: () => readonly ProxyPlace[];
  /** The addresses of this machine, in canonical form. */
  readonly localIps: () => readonly string[];
}

const LOG = logger("api");
/** Limit on names and addresses remembered as logged. */
const MAX_TOLD = 1_000;
const REFUSED: Readonly<Partial<Record<AddressKind, string>>> = {
  unspecified: "an unspecified address",
  link_local: "a link-local address",
  multicast: "a multicast address",
  broadcast: "the broadcast address",
  reserved: "a reserved address",
  metadata: "an address where a cloud keeps its metadata",
};

export class AddressPolicy {
  readonly #options: AddressPolicyOptions;
  readonly #told = new Set<string>();

  constructor(options: AddressPolicyOptions) {
    this.#options = options;
  }

  /**
   * The canonical text of an address or a host name that may be announced.
   *
   * @param field names it in the error
   * @throws ProxyError `bad_request`
   */
  acceptHost(text: string, field: string): string {
    const name = normalizeHostName(text);
    if (name === undefined) return this.acceptIp(text, field);
    if (this.#options.allowNames().some((pattern) => matchesHost(pattern, name))) return name;
    throw refused(field, name, "host names have to be allowed by PROXY_REGISTER_ALLOW");
  }

  /**
   * Those addresses of an allowed name that may be dialled: whoever controls the name could make it lead
   * anywhere. Each refused address is logged once.
   */
  usable(name: string, addresses: readonly string[]): readonly string[] {
    return addresses.filter((address) => {
      const kind = REFUSED[addressKind(address)];
      if (kind === undefined || this.#isListed(address)) return true;
      this.#tell(name, address, kind);
      return false;
    });
  }

  /**
   * The canonical text of an address that may be announced.
   *
   * @param field names it in the error
   * @throws ProxyError `bad_request` when it is a host name or of a refused kind
   */
  acceptIp(text: string, field: string): string {
    const ip = normalizeIp(text);
    if (ip === undefined) throw refused(field, text, "it is no IP address");
    const reason = this.#reasonToRefuse(ip);
    if (reason !== undefined) throw refused(field, text, reason);
    return ip;
  }

  /**
   * The address that an endpoint is bound to, if it is a further one to dial: a wildcard is not, and a
   * loopback address is one only for an origin on this very machine.
   *
   * @throws ProxyError `bad_request` when it is of a refused kind
   */
  acceptBound(host: string, ip: string): string | undefined {
    const kind = addressKind(host);
    if (kind === "unspecified") return undefined;
    if (kind !== "loopback") return this.acceptIp(host, "endpoint address");
    return this.#isLocal(ip) && this.#reasonToRefuse(host) === undefined ? host : undefined;
  }

  /** @throws ProxyError `bad_request` when this proxy or another of the fleet listens there */
  refuseOwn(address: BoundAddress): void {
    if (normalizeIp(address.host) === undefined) return;
    const localIps = this.#options.localIps();
    const here = placeOf(this.#options.ownAddresses(), localIps);
    if (listensAt(here, address, localIps)) {
      throw refused("endpoint", formatAddress(address), "the proxy listens there");
    }
    if (this.#options.otherProxies().some((place) => listensAt(place, address, localIps))) {
      throw refused("endpoint", formatAddress(address), "a proxy of the fleet listens there");
    }
  }

  #reasonToRefuse(ip: string): string | undefined {
    const { allow, allowNames } = this.#options;
    if (allow().length > 0 || allowNames().length > 0) {
      return this.#isListed(ip) ? undefined : "it is not allowed";
    }
    const kind = REFUSED[addressKind(ip)];
    return kind === undefined ? undefined : `${kind} is not allowed`;
  }

  #isListed(ip: string): boolean {
    return this.#options.allow().some((range) => cidrContains(range, ip));
  }

  #tell(name: string, address: string, kind: string): void {
    const key = `${name} ${address}`;
    if (this.#told.has(key)) return;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.add(key);
    LOG.warn("Name resolves to an address that is not allowed", { name, address, reason: kind });
  }

  #isLocal(ip: string): boolean {
    if (normalizeIp(ip) === undefined) return false;
    const kind = addressKind(ip);
    if (kind === "loopback" || kind === "unspecified") return true;
    return this.#options.localIps().includes(ip);
  }
}

function refused(field: string, value: string, reason: string): ProxyError {
  return new ProxyError("bad_request", `Cannot register ${field} ${value}: ${reason}`);
}
