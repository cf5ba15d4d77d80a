// Which sessions of this process use which stream at which origin, and what that means for the stream's
// mapping: when to renew it, whether it is live, when to forget it. Knows neither store nor clock; writes
// go to a LeaseWriter. No larger than the number of sessions.
//
// The stages of a session:
//
//   begin     unknown → looking; one that asks again stays as it is
//   place     looking → placed; one placed or running at another origin → placed
//   adopt     unknown → placed
//   confirm   placed → running
//   deny      running → placed
//   end       any → unknown
//
// What is written about a stream's mapping, besides the leases renewed regularly:
//
//   a viewer is the first to run at an origin          renew: confirmed
//   a publisher runs                                   what `confirm` returns: to be published
//   the last publisher at an origin has left           renew: ended
//   the last session has left an origin that served    renew: the idle time begins
//   nobody is left at the origin of a mapping made     forget it, once no request is in progress; then
//   here that no session has confirmed                 renew those where older sessions still are

import type { StreamLease, StreamRecord } from "./store.ts";

/** Takes writes about mappings, in this order, without keeping the caller waiting. */
export interface LeaseWriter {
  renew(lease: StreamLease): void;
  /** @param hasOther whether another origin gets the stream back now, so that this is urgent */
  forget(stream: string, origin: string, hasOther: boolean): void;
}

/** `claimant` is this registry's id; the times are milliseconds. */
export interface HeldStreamsOptions {
  readonly claimant: string;
  /** Life of a mapping that is not confirmed yet. */
  readonly unconfirmedTtl: number;
  /** Life of a confirmed mapping after its last use. */
  readonly idleTtl: number;
  /** How long a mapping stays live after the last renewal by its publisher's proxy. */
  readonly liveTtl: number;
  readonly writer: LeaseWriter;
}

/** The sessions of one stream at one origin. */
interface Holding {
  readonly origin: string;
  /** Epoch of the mapping that led the sessions there. */
  epoch: number;
  sessions: number;
  /** Number of sessions that the origin serves. */
  running: number;
  /** Number of those that publish. */
  publishers: number;
  /** Whether it has served any session, so that a lease confirms the mapping. */
  hasServed: boolean;
}

interface StreamUse {
  readonly stream: string;
  /** Requests in progress: those between `begin` and `finish`. */
  requests: number;
  /** Origin of a mapping that this process has made and no session has confirmed yet. */
  unconfirmedAt: string | undefined;
  /** Nearly always one; more while a stream that has moved still runs at its old origin. */
  readonly holdings: Holding[];
}

interface Session {
  readonly use: StreamUse;
  readonly publishes: boolean;
  stage: "looking" | "placed" | "running";
  /** Where it is placed or running. */
  holding: Holding | undefined;
}

/** A session whose origin was not chosen by this process. */
export interface AdoptedSession {
  readonly stream: string;
  readonly origin: string;
  readonly publishes: boolean;
}

export interface HeldStream {
  readonly stream: string;
  readonly origin: string;
  /** Whether one of them publishes. */
  readonly isLive: boolean;
}

export class HeldStreams {
  readonly #options: HeldStreamsOptions;
  readonly #uses = new Map<string, StreamUse>();
  readonly #sessions = new Map<string, Session>();

  constructor(options: HeldStreamsOptions) {
    this.#options = options;
  }

  /** Number of streams that have a session or a request. */
  get size(): number {
    return this.#uses.size;
  }

  /** A session asks for a stream, for the first time or again; every `begin` needs a `finish`. */
  begin(id: string, stream: string, publishes: boolean): void {
    const known = this.#sessions.get(id);
    if (known && known.use.stream !== stream) this.end(id);
    const use = this.#useOf(stream);
    use.requests++;
    if (known?.use !== use) this.#add(id, use, publishes);
  }

  /** Between `begin` and `finish`: the session goes to the origin of this mapping. */
  place(id: string, record: StreamRecord): void {
    const use = this.#useOf(record.stream);
    if (!record.confirmed && record.claimant === this.#options.claimant) {
      use.unconfirmedAt = record.origin;
    }
    const session = this.#sessions.get(id);
    // The session may have ended while its request was in progress.
    if (session?.use !== use) return;
    if (session.holding?.origin !== record.origin) {
      this.#leave(session);
      this.#join(session, record.origin);
    }
    const { holding } = session;
    if (holding) holding.epoch = Math.max(holding.epoch, record.epoch);
  }

  /** The request has found an origin or given up. */
  finish(stream: string): void {
    const use = this.#useOf(stream);
    use.requests--;
    this.#settle(use);
  }

  /** Adds a session that already runs at an origin. */
  adopt(id: string, { stream, origin, publishes }: AdoptedSession): void {
    this.#join(this.#add(id, this.#useOf(stream), publishes), origin);
  }

  /**
   * The origin serves the session.
   *
   * @returns for a publisher the lease to publish with, which the store must grant; undefined for a
   * viewer, whose lease has been passed to the writer
   */
  confirm(id: string): StreamLease | undefined {
    const session = this.#sessions.get(id);
    const holding = session?.holding;
    if (!session || !holding || session.stage === "running") return undefined;
    this.#run(session, holding);
    const isFirst = !holding.hasServed;
    holding.hasServed = true;
    if (session.use.unconfirmedAt === holding.origin) session.use.unconfirmedAt = undefined;
    if (session.publishes) return this.#lease(session.use, holding);
    if (isFirst) this.#options.writer.renew(this.#lease(session.use, holding));
    return undefined;
  }

  /** The publisher's stream is live there, by this mapping. */
  published(id: string, record: StreamRecord): void {
    const holding = this.#sessions.get(id)?.holding;
    if (holding?.origin === record.origin) holding.epoch = Math.max(holding.epoch, record.epoch);
  }

  /** The publisher may not run there: another one runs elsewhere. */
  deny(id: string): void {
    const session = this.#sessions.get(id);
    const holding = session?.holding;
    if (!session || !holding || session.stage !== "running") return;
    this.#stop(session, holding);
    if (holding.running === 0) holding.hasServed = false;
  }

  /** Ends the session; an unknown one is ignored. */
  end(id: string): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    this.#sessions.delete(id);
    this.#leave(session);
    this.#settle(session.use);
  }

  /** Whether that origin serves a session of the stream. */
  isRunning(stream: string, origin: string): boolean {
    const holdings = this.#uses.get(stream)?.holdings;
    return holdings?.some((held) => held.origin === origin && held.running > 0) ?? false;
  }

  /** Whether a publisher of the stream runs at that origin. */
  isLive(stream: string, origin: string): boolean {
    const holdings = this.#uses.get(stream)?.holdings;
    return holdings?.some((held) => held.origin === origin && held.publishers > 0) ?? false;
  }

  /** The ids of all sessions at an origin, of one stream or of all. */
  sessionsAt(origin: string, stream?: string): string[] {
    const ids: string[] = [];
    for (const [id, { holding, use }] of this.#sessions) {
      if (holding?.origin !== origin) continue;
      if (stream === undefined || use.stream === stream) ids.push(id);
    }
    return ids;
  }

  /** The ids of all sessions of a stream. */
  sessionsOf(stream: string): string[] {
    const use = this.#uses.get(stream);
    if (use === undefined) return [];
    return [...this.#sessions].filter(([, session]) => session.use === use).map(([id]) => id);
  }

  /** Every stream in use, once for each origin where it is used. */
  *inUse(): Generator<HeldStream> {
    for (const { stream, holdings } of this.#uses.values()) {
      for (const { origin, publishers } of holdings) {
        yield { stream, origin, isLive: publishers > 0 };
      }
    }
  }

  leasesOf(stream: string): StreamLease[] {
    const use = this.#uses.get(stream);
    return use?.holdings.map((holding) => this.#lease(use, holding)) ?? [];
  }

  /**
   * The leases to renew regularly: one for each stream and origin in use.
   *
   * @param size of one batch, at most
   */
  *leases(size: number): Generator<StreamLease[]> {
    let batch: StreamLease[] = [];
    for (const use of this.#uses.values()) {
      for (const holding of use.holdings) batch.push(this.#lease(use, holding));
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  #useOf(stream: string): StreamUse {
    const known = this.#uses.get(stream);
    if (known) return known;
    const use: StreamUse = { stream, requests: 0, unconfirmedAt: undefined, holdings: [] };
    this.#uses.set(stream, use);
    return use;
  }

  #add(id: string, use: StreamUse, publishes: boolean): Session {
    const session: Session = { use, publishes, stage: "looking", holding: undefined };
    this.#sessions.set(id, session);
    return session;
  }

  #join(session: Session, origin: string): void {
    const { holdings } = session.use;
    let holding = holdings.find((held) => held.origin === origin);
    if (!holding) {
      holding = { origin, epoch: 0, sessions: 0, running: 0, publishers: 0, hasServed: false };
      holdings.push(holding);
    }
    holding.sessions++;
    session.holding = holding;
    session.stage = "placed";
  }

  #run(session: Session, holding: Holding): void {
    session.stage = "running";
    holding.running++;
    if (session.publishes) holding.publishers++;
  }

  #stop(session: Session, holding: Holding): void {
    session.stage = "placed";
    holding.running--;
    if (session.publishes) holding.publishers--;
  }

  #leave(session: Session): void {
    const { use, holding } = session;
    if (!holding) return;
    const wasLive = holding.publishers > 0;
    if (session.stage === "running") this.#stop(session, holding);
    session.stage = "looking";
    session.holding = undefined;
    holding.sessions--;
    if (holding.sessions === 0) use.holdings.splice(use.holdings.indexOf(holding), 1);
    const lease = this.#lease(use, holding);
    if (wasLive && holding.publishers === 0) {
      this.#options.writer.renew({ ...lease, live: "ended" });
    } else if (holding.sessions === 0 && holding.hasServed) {
      this.#options.writer.renew(lease);
    }
  }

  /** To be called when a request or a session of the stream has ended. */
  #settle(use: StreamUse): void {
    if (use.requests > 0) return;
    const { unconfirmedAt, holdings } = use;
    if (unconfirmedAt !== undefined && !holdings.some(({ origin }) => origin === unconfirmedAt)) {
      use.unconfirmedAt = undefined;
      this.#options.writer.forget(use.stream, unconfirmedAt, holdings.length > 0);
      this.#giveBack(use);
    }
    if (holdings.length === 0) this.#uses.delete(use.stream);
  }

  /** Sessions that are still at an older origin get the stream back. */
  #giveBack(use: StreamUse): void {
    for (const holding of use.holdings) {
      if (!holding.hasServed) use.unconfirmedAt = holding.origin;
      this.#options.writer.renew(this.#lease(use, holding));
    }
  }

  #lease(use: StreamUse, holding: Holding): StreamLease {
    const { claimant, idleTtl, unconfirmedTtl, liveTtl } = this.#options;
    const { origin, hasServed: confirmed, epoch, publishers } = holding;
    const { stream } = use;
    const ttl = confirmed ? idleTtl : unconfirmedTtl;
    const live = publishers > 0 ? "runs" : "none";
    return { stream, origin, claimant, confirmed, epoch, ttl, live, liveTtl };
  }
}
