// Sends a request to the origin of its stream: stays with the owner, claims, chooses, moves. This file has
// the order of these steps; records are in a store, and the picker chooses. A live stream stays where it
// is, whatever this process thinks of the origin.

import { ProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type { Metrics, StreamRequest } from "../core/contracts.ts";
import { isLive } from "./mapping_rules.ts";
import { candidatesFor, isOpenTo } from "./picker.ts";
import { noOpenOrigin, noOriginFor, originOutOfReach, runsElsewhere } from "./refusals.ts";
import type { FoundStream, OriginRecord, Store, StreamClaim, StreamRecord } from "./store.ts";

/** Picks one of the suitable origins for a stream; undefined when there are none. */
export type Choose = (
  stream: string,
  candidates: readonly OriginRecord[],
) => OriginRecord | undefined;

export interface PlacementOptions {
  readonly store: Store;
  readonly metrics: Metrics;
  readonly claimant: string;
  /** Life of a claimed mapping unless it is renewed, milliseconds. */
  readonly unconfirmedTtl: number;
  /** A mapping with less time left, in milliseconds, is claimed before anybody relies on it. */
  readonly leastLeft: number;
  readonly choose: Choose;
  readonly now: () => number;
  /** Milliseconds for which an origin is to be left alone in a protocol. */
  setAsideFor(origin: string, protocol: Protocol): number;
  /** Label of the origins to which a stream is pinned; undefined if it is not. */
  labelFor(stream: string): string | undefined;
  /** Whether an origin leaves probes unanswered. */
  isDown(origin: string): boolean;
  /** An origin without heartbeats, if sessions of this process still run there. */
  expired(origin: string): Origin | undefined;
  /** Whether the origin serves the stream to a session of this process. */
  isRunning(stream: string, origin: string): boolean;
}

/** An origin, and the mapping that leads there. */
export interface Placed {
  readonly origin: Origin;
  readonly record: StreamRecord;
  /**
   * Milliseconds for which other viewers would be led there as well, unless anything changes; 0 unless the
   * mapping already existed and belongs to a registered origin that has served the stream.
   */
  readonly left: number;
}

const LOG = logger("registry");
// A round is lost only to another request that has just moved the same stream.
const MAX_ROUNDS = 8;
/** Milliseconds that one request may wait for other proxies to agree. */
const LONGEST_WAIT = 130;

/** Why a stream cannot stay where it is, the first that applies; a label of the metrics. */
type MoveReason =
  /** Its origin has no heartbeat any more. */
  | "gone"
  /** The request could not reach its origin. */
  | "failed"
  /** Its origin does not offer the request's protocol. */
  | "not_offered"
  /** Its origin leaves probes unanswered. */
  | "down"
  /** Its origin did not answer another request a moment ago. */
  | "set_aside"
  /** Its origin takes nothing new. */
  | "draining";

/** An origin that was picked, and those that were not. */
interface Choice {
  readonly stream: string;
  readonly origin: Origin;
  readonly candidates: readonly OriginRecord[];
}

/** A request being placed. */
interface Search {
  readonly request: StreamRequest;
  /** Until when it can wait for other proxies. */
  readonly patientUntil: number;
}

/** The origin that a stream leaves, and why. */
interface Leaving {
  readonly from: string;
  readonly reason: MoveReason;
}

export class Placement {
  readonly #options: PlacementOptions;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** @throws ProxyError as `Resolver.resolve` */
  async find(request: StreamRequest): Promise<Placed> {
    const { store, now } = this.#options;
    const search = { request, patientUntil: now() + LONGEST_WAIT };
    let found = await store.stream(request.stream);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const record = found?.record;
      const owner = record && await this.#ownerOf(record);
      const reason = record && await this.#reasonToMove(request, record, owner);
      if (found && record && owner && reason === undefined) {
        if (this.#mayRelyOn(found)) return { origin: owner, record, left: this.#timeLeft(found) };
        const choice = { stream: request.stream, origin: owner, candidates: [] };
        found = fresh(await this.#claim(search, choice));
        continue;
      }
      const choice = await this.#choose(request);
      if (!record) {
        found = fresh(await this.#claim(search, choice));
      } else if (record.origin === choice.origin.id) {
        // All are set aside, and the stream's own origin is the best of them.
        return { origin: choice.origin, record, left: 0 };
      } else {
        const leaving = { from: record.origin, reason: reason ?? "gone" };
        found = fresh(await this.#move(search, choice, leaving));
      }
    }
    throw new ProxyError("registry_unavailable", "Cannot agree on an origin for this stream");
  }

  /** A live stream keeps its owner even after the owner's heartbeats have stopped. */
  async #ownerOf(record: StreamRecord): Promise<Origin | undefined> {
    const { store, expired } = this.#options;
    return await store.origin(record.origin) ??
      (isLive(record) ? expired(record.origin) : undefined);
  }

  /** @throws ProxyError when the stream must stay although the request cannot be served there */
  async #reasonToMove(
    request: StreamRequest,
    record: StreamRecord,
    owner: Origin | undefined,
  ): Promise<MoveReason | undefined> {
    const { protocol, intent, failed } = request;
    const { isRunning, isDown, setAsideFor } = this.#options;
    const isViewer = intent === "play";
    const hasFailed = failed.includes(record.origin);
    const isOffered = owner !== undefined && owner.endpoints[protocol].length > 0;
    if (isLive(record)) {
      if (!owner || hasFailed) throw isViewer ? originOutOfReach() : runsElsewhere();
      if (!isOffered) throw noOriginFor(request);
      return undefined;
    }
    if (!owner) return "gone";
    const runs = isRunning(record.stream, owner.id);
    // A publisher takes the stream along; a viewer would only abandon it.
    if (hasFailed && runs && isViewer) throw originOutOfReach();
    if (hasFailed) return "failed";
    // Moving it would take a running stream away from everybody who can be served.
    if (!isOffered && record.confirmed) throw noOriginFor(request);
    if (!isOffered) return "not_offered";
    if (isDown(owner.id)) return "down";
    // While the stream is in use there, one failed dial of another session proves nothing.
    if (!runs && setAsideFor(owner.id, protocol) > 0) return "set_aside";
    // Viewers stay with a stream that exists: it may run without a publisher that we know of.
    if (isViewer && record.confirmed) return undefined;
    return await this.#isClosedTo(record) ? "draining" : undefined;
  }

  /** Whether the stream's origin would not be given it now. */
  async #isClosedTo({ stream, origin: id }: StreamRecord): Promise<boolean> {
    const owner = (await this.#options.store.origins()).find(({ origin }) => origin.id === id);
    return owner !== undefined && !isOpenTo(owner, this.#options.labelFor(stream));
  }

  /** Whether the mapping lasts long enough for the session, and nobody else can forget it. */
  #mayRelyOn({ record, left }: FoundStream): boolean {
    if (left < this.#options.leastLeft) return false;
    return record.confirmed || record.claimant === "" || record.claimant === this.#options.claimant;
  }

  #timeLeft({ record, left }: FoundStream): number {
    const { store, leastLeft } = this.#options;
    const originLeft = store.originTimeLeft(record.origin) ?? 0;
    return record.confirmed ? Math.max(0, Math.min(left - leastLeft, originLeft)) : 0;
  }

  async #choose(request: StreamRequest): Promise<Choice> {
    const { store, setAsideFor, isDown, choose } = this.#options;
    const { protocol, stream } = request;
    const all = await store.origins();
    const label = this.#options.labelFor(stream);
    const open = all.filter((record) => isOpenTo(record, label));
    if (all.length > 0 && open.length === 0) throw noOpenOrigin(label);
    const up = open.filter(({ origin }) => !isDown(origin.id));
    // If none answers probes, one more dial does no harm.
    const origins = up.length > 0 ? up : open;
    const snapshot = { origins, setAsideFor: (id: string) => setAsideFor(id, protocol) };
    const candidates = candidatesFor(snapshot, { ...request, label });
    const picked = choose(stream, candidates);
    if (!picked) throw noOriginFor(request, all.length);
    return { stream, origin: picked.origin, candidates };
  }

  async #claim(search: Search, choice: Choice): Promise<StreamRecord> {
    const { store, claimant, metrics } = this.#options;
    const winner = await store.claimStream(this.#claimOf(search, choice));
    if (winner.claimant === claimant) metrics.count("srs_proxy_registry_picks_total");
    return winner;
  }

  async #move(search: Search, choice: Choice, { from, reason }: Leaving): Promise<StreamRecord> {
    const { store, claimant, metrics } = this.#options;
    const { stream } = choice;
    const winner = await store.moveStream({ ...this.#claimOf(search, choice), from });
    if (winner.claimant === claimant && winner.origin !== from) {
      metrics.count("srs_proxy_registry_moves_total", { reason });
      LOG.info("Stream moved", { stream, from, origin: winner.origin, reason });
    }
    return winner;
  }

  #claimOf(
    { patientUntil, request }: Search,
    { stream, origin, candidates }: Choice,
  ): StreamClaim {
    const { claimant, unconfirmedTtl: ttl, now } = this.#options;
    const publishes = request.intent === "publish";
    const wait = patientUntil - now();
    return { stream, origin: origin.id, claimant, publishes, ttl, candidates, wait };
  }
}

/** What the store has just returned holds as long as anybody needs it. */
function fresh(record: StreamRecord): FoundStream {
  return { record, left: Infinity };
}
