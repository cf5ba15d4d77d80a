// The media addresses that clients are told: those configured, else the one that the request asks
// for, else none, which leaves the origin's in place.

import { normalizeIp } from "../../core/endpoint.ts";
import { type MediaTarget, parseMediaTarget } from "../../core/media_target.ts";
import { decodePercent } from "../../core/percent_encoding.ts";
import { NameLookup } from "../../net/name_lookup.ts";
import { parameterOf } from "../../protocol/http/query.ts";
import type { Advertised } from "../../protocol/rtc/answer.ts";
import type { SignalingDependencies } from "./dependencies.ts";

type AdvertiserOptions = Pick<
  SignalingDependencies,
  "clock" | "candidates" | "mediaPort" | "overTcp"
>;

export class Advertiser {
  readonly #options: AdvertiserOptions;
  readonly #names: NameLookup;

  constructor(options: AdvertiserOptions) {
    this.#names = new NameLookup(options.clock);
    this.#options = options;
  }

  /**
   * Returns what a client is told. Names are resolved to addresses, because not every browser
   * resolves names in candidates; a name without addresses is kept.
   *
   * @param asked what `askedTarget` found in the request
   */
  async advertise(asked: MediaTarget | undefined): Promise<Advertised> {
    const { candidates, mediaPort: port, overTcp } = this.#options;
    const targets = await this.#resolveAll(candidates());
    if (targets.length === 0 && asked !== undefined) targets.push(asked);
    if (overTcp === undefined) return { port, targets };
    const own = await this.#resolveAll(overTcp.candidates());
    const hosts = new Set(targets.map(({ host }) => host));
    const tcp = own.length > 0 ? own : [...hosts].map((host) => ({ host }));
    return { port, targets, tcp: { port: overTcp.port, targets: tcp } };
  }

  async #resolveAll(targets: readonly MediaTarget[]): Promise<MediaTarget[]> {
    return (await Promise.all(targets.map((target) => this.#resolve(target)))).flat();
  }

  async #resolve(target: MediaTarget): Promise<MediaTarget[]> {
    if (normalizeIp(target.host) !== undefined) return [target];
    const addresses = await this.#names.addressesOf(target.host);
    return addresses.length === 0 ? [target] : addresses.map((host) => ({ ...target, host }));
  }
}

/**
 * Returns the address that a request asks for with SRS's `?eip=`, or its older name `?candidate=`.
 *
 * @throws ProxyError `bad_request` when it cannot be used
 */
export function askedTarget(query: string): MediaTarget | undefined {
  const written = parameterOf(query, "eip") || parameterOf(query, "candidate");
  if (written === "") return undefined;
  return parseMediaTarget(decodePercent(written));
}
