// Finds an origin that answers for one client request: tries one origin after the other, some addresses of
// each, a limited number of dials in total, until the request runs out of time. The same for every
// protocol; each defines what a dial is and what it opens.

import type { Clock } from "./clock.ts";
import type { FailedAddresses } from "./failed_addresses.ts";
import { isOriginFault, type OriginFault, ProxyError } from "./errors.ts";
import type { LabelValue } from "./metric_table.ts";
import type { Address } from "./address.ts";
import type { Origin } from "./origin.ts";
import type { Metrics, Resolver } from "./contracts.ts";

/** Limits on origins tried and on addresses dialled in total for one client request. */
export const MAX_ORIGINS = 4;
export const MAX_DIALS = 8;
/**
 * Addresses that a request dials of the first origin it tries. Probes and other questions to an origin try as
 * many, so that an origin that serves clients is found alive.
 */
export const MAX_ADDRESSES = MAX_DIALS - MAX_ORIGINS + 1;

/** What one request may still try. */
export class DialBounds {
  #origins: number;
  #dials: number;

  constructor(origins = MAX_ORIGINS, dials = MAX_DIALS) {
    this.#origins = origins;
    this.#dials = dials;
  }

  /** Whether no other origin may be tried. */
  get areReached(): boolean {
    return this.#origins === 0;
  }

  /**
   * Counts one more origin.
   *
   * @param addresses in the order in which they are to be tried
   * @returns those that may be dialled: as many as leave one dial for
   * each origin that may be tried after it
   */
  take(addresses: readonly Address[]): readonly Address[] {
    if (this.#origins === 0) return [];
    this.#origins--;
    const taken = addresses.slice(0, this.#dials - this.#origins);
    this.#dials -= taken.length;
    return taken;
  }
}

/** What every search needs, whichever relay does it. */
export interface OriginDependencies {
  readonly resolver: Pick<Resolver, "reached" | "unreachable">;
  readonly metrics: Metrics;
  readonly clock: Pick<Clock, "now">;
}

/** One request's search; times in milliseconds. */
export type OriginSearch<Link> = SearchTerms<Link> & (DialOneByOne<Link> | DialTogether<Link>);

interface SearchTerms<Link> {
  readonly protocol: LabelValue<"srs_proxy_origin_dials_total", "protocol">;
  /** How long the client may wait for its origin. */
  readonly timeout: number;
  /** Chooses an origin; called again with the ids of those that could not be reached. */
  choose(failed: readonly string[]): Promise<Origin>;
  /**
   * An existing link to the origin, so that no dial is needed; undefined if there is none. An error from
   * it ends the search: it does not say whether the origin can be reached.
   */
  reuse?(origin: Origin): Promise<Link | undefined>;
  /**
   * What is left to try, for a request that makes several searches. An origin is not set aside if they did
   * not allow all its addresses to be dialled.
   */
  readonly bounds?: DialBounds | undefined;
  /** Called for each origin that could not be reached. */
  readonly failed?: ((origin: string, failure: ProxyError) => void) | undefined;
  /** Whether the client has left. */
  isGone(): boolean;
}

/** For connections: addresses are dialled one after the other. */
interface DialOneByOne<Link> {
  /** Time for one origin, all its addresses together. */
  readonly dialTimeout: number;
  /** Shared by all searches of one kind. */
  readonly failures: FailedAddresses;
  /**
   * Dials an address and completes the part of the handshake that does not involve the client.
   *
   * @throws ProxyError `origin_unreachable` or `origin_timeout`; any error that is not the origin's, or
   * would be the same at another origin, ends the search
   */
  dial(address: Address, timeout: number, origin: Origin): Promise<Link>;
}

/** For datagrams, where it is cheap to ask an address while others have yet to answer. */
interface DialTogether<Link> {
  /**
   * Asks all these addresses, which counts as one dial, and takes as long as it needs.
   *
   * @throws ProxyError as `dial` does
   */
  dialAll(addresses: readonly Address[]): Promise<Link>;
}

export interface ReachedOrigin<Link> {
  readonly origin: Origin;
  readonly link: Link;
}

/**
 * Tries origins until one answers. An origin whose addresses have all failed is set aside.
 *
 * @throws ProxyError the error of the last origin; that of `choose` if none has failed before;
 * `client_gone`; `origin_timeout`
 */
export async function tryOrigins<Link>(
  deps: OriginDependencies,
  search: OriginSearch<Link>,
): Promise<ReachedOrigin<Link>> {
  const { clock } = deps;
  const giveUpAt = clock.now() + search.timeout;
  const { bounds = new DialBounds() } = search;
  const failed: string[] = [];
  let failure: ProxyError | undefined;
  while (!bounds.areReached && clock.now() < giveUpAt && !search.isGone()) {
    const origin = await search.choose(failed).catch((error) => {
      throw failure ?? error;
    });
    if (search.isGone()) break;
    const reused = await search.reuse?.(origin);
    if (reused !== undefined) return { origin, link: reused };
    const dialling = new OriginDialling({ deps, search, giveUpAt }, origin);
    const known = origin.endpoints[search.protocol];
    const ordered = "dial" in search ? search.failures.ordered(known, clock.now()) : known;
    const link = await dialling.run(bounds.take(ordered));
    if (link !== undefined) return { origin, link };
    failure = dialling.failure;
    failed.push(origin.id);
    search.failed?.(origin.id, failure);
  }
  if (search.isGone()) throw new ProxyError("client_gone", "Client has left");
  throw failure ?? new ProxyError("origin_timeout", "Origin does not answer");
}

/** What all attempts of a search share. */
interface SearchUnderWay<Link> {
  readonly deps: OriginDependencies;
  readonly search: OriginSearch<Link>;
  readonly giveUpAt: number;
}

class OriginDialling<Link> {
  /** The error of the last address. */
  failure = new ProxyError("origin_unreachable", "Origin has no address to dial");
  readonly #underWay: SearchUnderWay<Link>;
  readonly #origin: Origin;
  /** Whether a dial has shown that the origin cannot be reached. */
  #isProven = false;

  constructor(underWay: SearchUnderWay<Link>, origin: Origin) {
    this.#underWay = underWay;
    this.#origin = origin;
  }

  /** @returns what the first address that answers has opened; undefined if none does */
  async run(addresses: readonly Address[]): Promise<Link | undefined> {
    if (addresses.length === 0) return undefined;
    const { deps, search } = this.#underWay;
    const link = "dialAll" in search
      ? await this.#dial(() => search.dialAll(addresses))
      : await this.#dialOneByOne(search, addresses);
    const { id, endpoints } = this.#origin;
    const isWhole = search.bounds === undefined ||
      addresses.length === endpoints[search.protocol].length;
    if (link !== undefined) deps.resolver.reached(id, search.protocol);
    else if (this.#isProven && isWhole) deps.resolver.unreachable(id, search.protocol);
    return link;
  }

  async #dialOneByOne(
    search: DialOneByOne<Link>,
    addresses: readonly Address[],
  ): Promise<Link | undefined> {
    const { deps: { clock }, giveUpAt } = this.#underWay;
    const fullEnd = clock.now() + search.dialTimeout;
    const end = Math.min(fullEnd, giveUpAt);
    for (const [index, address] of addresses.entries()) {
      // An address that swallows everything must leave time for those after it.
      const left = (end - clock.now()) / (addresses.length - index);
      if (left <= 0 || this.#underWay.search.isGone()) break;
      const link = await this.#dial(() => search.dial(address, Math.ceil(left), this.#origin));
      if (link !== undefined) {
        search.failures.answered(address, clock.now());
        return link;
      }
      search.failures.failed(address, clock.now());
    }
    // Silence for less than the full timeout proves nothing.
    if (this.failure.code === "origin_timeout" && end < fullEnd) this.#isProven = false;
    return undefined;
  }

  /** @throws any error that is not the origin's, or would be the same at every origin */
  async #dial(dial: () => Promise<Link>): Promise<Link | undefined> {
    const { search, deps: { clock, metrics } } = this.#underWay;
    const startedAt = clock.now();
    try {
      const link = await dial();
      this.#count("reached");
      const seconds = (clock.now() - startedAt) / 1000;
      metrics.observe("srs_proxy_origin_dial_seconds", seconds, { protocol: search.protocol });
      return link;
    } catch (error) {
      if (!isOriginFault(error)) throw error;
      this.#count(error.code);
      this.failure = error;
      this.#isProven = true;
      return undefined;
    }
  }

  #count(result: "reached" | OriginFault): void {
    const { deps, search } = this.#underWay;
    const { protocol } = search;
    deps.metrics.count("srs_proxy_origin_dials_total", { protocol, result });
  }
}
