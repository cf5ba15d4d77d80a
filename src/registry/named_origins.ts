// Resolves the host names of origins to addresses, which is what relays need. A name is looked up when its
// origin is used, since its addresses may change. How to look up, and which addresses are acceptable, is
// passed in.

import { normalizeIp } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import type { Address } from "../core/address.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type { ChangeCounts } from "../core/change_counts.ts";
import type {
  JoiningViewer,
  PartRequest,
  StandingAnswer,
  StandingRegistry,
  StreamOwner,
  StreamPlace,
  StreamRequest,
} from "../core/contracts.ts";

/** The usable addresses of a name, in the order in which they are to be tried. */
export type AddressesOf = (name: string) => Promise<readonly string[]>;

/** Limit on addresses of one name; the rest are not tried. */
const MAX_ADDRESSES = 8;
/** Limit on origins that one request skips because their names do not resolve. */
const MAX_PASSED_OVER = 3;

/** Replaces names by addresses. */
export class OriginNames {
  readonly #addressesOf: AddressesOf;
  /** Origins without names, as most are. */
  readonly #plain = new WeakSet<Origin>();

  constructor(addressesOf: AddressesOf) {
    this.#addressesOf = addressesOf;
  }

  /** The same origin with addresses only; a name that does not resolve leaves nothing to dial. */
  async resolved(origin: Origin): Promise<Origin> {
    if (this.#plain.has(origin)) return origin;
    const names = namesOf(origin);
    if (names.size === 0) {
      this.#plain.add(origin);
      return origin;
    }
    const known = new Map<string, readonly string[]>();
    await Promise.all([...names].map(async (name) => {
      known.set(name, (await this.#addressesOf(name)).slice(0, MAX_ADDRESSES));
    }));
    const dialable = (addresses: readonly Address[]): Address[] =>
      addresses.flatMap((address) => {
        return (known.get(address.host) ?? [address.host]).map((host) => ({ ...address, host }));
      });
    const { rtmp, http, api, srt, rtc } = origin.endpoints;
    const endpoints = {
      rtmp: dialable(rtmp),
      http: dialable(http),
      api: dialable(api),
      srt: dialable(srt),
      rtc: dialable(rtc),
    };
    return { ...origin, endpoints };
  }
}

/** A registry whose origins have addresses. */
export class NamedOrigins implements StandingRegistry {
  readonly #registry: StandingRegistry;
  readonly #names: OriginNames;

  constructor(registry: StandingRegistry, names: OriginNames) {
    this.#registry = registry;
    this.#names = names;
  }

  get changes(): ChangeCounts {
    return this.#registry.changes;
  }

  async resolve(request: StreamRequest): Promise<Origin> {
    return (await this.place(request)).answer.origin;
  }

  async place(request: StreamRequest): Promise<StandingAnswer<StreamPlace>> {
    let place: StreamPlace | undefined;
    const { answer: origin, standing } = await this.#find(request, async (failed) => {
      const found = await this.#registry.place({ ...request, failed });
      place = found.answer;
      return { answer: found.answer.origin, standing: found.standing };
    });
    return { answer: { ...place!, origin }, standing };
  }

  join(viewer: JoiningViewer): void {
    this.#registry.join(viewer);
  }

  async locate(request: PartRequest): Promise<Origin> {
    return (await this.findPart(request)).answer;
  }

  findPart(request: PartRequest): Promise<StandingAnswer<Origin>> {
    return this.#find(request, (failed) => this.#registry.findPart({ ...request, failed }));
  }

  async owner(stream: string): Promise<StreamOwner | undefined> {
    return (await this.findOwner(stream)).answer;
  }

  async findOwner(stream: string): Promise<StandingAnswer<StreamOwner | undefined>> {
    const found = await this.#registry.findOwner(stream);
    if (found.answer === undefined) return found;
    const origin = await this.#names.resolved(found.answer.origin);
    if (origin === found.answer.origin) return found;
    return { answer: { ...found.answer, origin }, standing: undefined };
  }

  confirm(session: string): Promise<void> {
    return this.#registry.confirm(session);
  }

  release(session: string): void {
    this.#registry.release(session);
  }

  unreachable(origin: string, protocol: Protocol): void {
    this.#registry.unreachable(origin, protocol);
  }

  reached(origin: string, protocol: Protocol): void {
    this.#registry.reached(origin, protocol);
  }

  /**
   * Treats an origin whose name does not resolve as unreachable, and asks for the next one. An answer
   * with a name never stands: its addresses may change.
   */
  async #find(
    { failed, protocol }: Pick<StreamRequest, "failed" | "protocol">,
    find: (failed: readonly string[]) => Promise<StandingAnswer<Origin>>,
  ): Promise<StandingAnswer<Origin>> {
    const lost: string[] = [];
    while (true) {
      const found = await find([...failed, ...lost]);
      const origin = await this.#names.resolved(found.answer);
      if (origin === found.answer) return found;
      if (origin.endpoints[protocol].length > 0) return { answer: origin, standing: undefined };
      this.#registry.unreachable(origin.id, protocol);
      lost.push(origin.id);
      if (lost.length < MAX_PASSED_OVER) continue;
      throw new ProxyError("origin_unreachable", "Cannot find the address of an origin");
    }
  }
}

function namesOf({ endpoints }: Origin): ReadonlySet<string> {
  const hosts = Object.values(endpoints).flatMap((addresses) => addresses.map(({ host }) => host));
  return new Set(hosts.filter((host) => normalizeIp(host) === undefined));
}
