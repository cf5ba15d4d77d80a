// The addresses at which clients are told to reach the proxy's media: those configured, otherwise
// the one that the request asks for, otherwise none, which leaves the origin's.

import type { Clock } from "../../core/clock.ts";
import { normalizeIp } from "../../core/endpoint.ts";
import { type MediaTarget, parseMediaTarget } from "../../core/media_target.ts";
import { NameLookup } from "../../net/name_lookup.ts";
import { parameterOf } from "../../protocol/http/query.ts";
import type { Advertised } from "../../protocol/rtc/answer.ts";

/** Knows the configured addresses. */
export class Advertiser {
  readonly #candidates: () => readonly MediaTarget[];
  readonly #port: number;
  readonly #names: NameLookup;

  /** @param port the proxy's own UDP port */
  constructor(clock: Clock, candidates: () => readonly MediaTarget[], port: number) {
    this.#names = new NameLookup(clock);
    this.#candidates = candidates;
    this.#port = port;
  }

  /**
   * What a client is told. A name becomes its addresses, since not every browser resolves names in
   * candidates; it stays when it has none.
   *
   * @param asked what `askedTarget` found in the request
   */
  async advertise(asked: MediaTarget | undefined): Promise<Advertised> {
    const configured = await Promise.all(this.#candidates().map((target) => this.#resolve(target)));
    const targets = configured.flat();
    if (targets.length === 0 && asked !== undefined) targets.push(asked);
    return { port: this.#port, targets };
  }

  async #resolve(target: MediaTarget): Promise<MediaTarget[]> {
    if (normalizeIp(target.host) !== undefined) return [target];
    const addresses = await this.#names.addressesOf(target.host);
    return addresses.length === 0 ? [target] : addresses.map((host) => ({ ...target, host }));
  }
}

/**
 * The address that a request asks for, by SRS's `?eip=` or its older name `?candidate=`.
 *
 * @throws ProxyError `bad_request` when it cannot be used
 */
export function askedTarget(query: string): MediaTarget | undefined {
  const written = parameterOf(query, "eip") || parameterOf(query, "candidate");
  if (written === "") return undefined;
  return parseMediaTarget(decode(written));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
