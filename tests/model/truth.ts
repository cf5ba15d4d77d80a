// The truth about streams, whatever the proxies believe: which clients have been told that they
// publish, and where. And what must never happen: a live stream at two origins, an unknown live
// stream, a publisher told and then dropped. Knows no events and no store.

import type { StreamStatus } from "../../src/core/registrar.ts";
import type { Calm } from "./calm.ts";
import type { ModelSession } from "./model_session.ts";

/** What should not have happened. */
export interface Violation {
  readonly rule: string;
  readonly at: number;
  readonly about: string;
}

/** What one proxy believes. */
export interface Belief {
  readonly proxy: number;
  readonly streams: readonly StreamStatus[];
}

/** Time without trouble after which proxies must know everything, milliseconds. */
const SETTLED = 10_000;
/** Longest time until a loss of data in Redis is noticed, milliseconds. */
const NOTICED = 2_000;
/** Longest time until other proxies know a stream, without trouble, milliseconds. */
const SPREAD = 500;

/** Knows the publishers that have been told that they are served. */
export class Truth {
  readonly violations: Violation[] = [];
  readonly #now: () => number;
  readonly #calm: Calm;
  readonly #publishers = new Map<string, Set<ModelSession>>();
  /** When a stream was last seen at two origins, which may take a moment to be resolved. */
  readonly #dividedAt = new Map<string, number>();

  constructor(now: () => number, calm: Calm) {
    this.#now = now;
    this.#calm = calm;
  }

  /** The running publishers of a stream, as far as they themselves know. */
  publishers(stream: string): ModelSession[] {
    return [...this.#publishers.get(stream) ?? []].filter(runs);
  }

  /** The origins where a stream is published. */
  origins(stream: string): ReadonlySet<string> {
    return new Set(this.publishers(stream).map(({ origin }) => origin!));
  }

  violate(rule: string, about: string): void {
    this.violations.push({ rule, at: this.#now(), about });
  }

  /** The registry has sent a session to an origin. */
  placed(session: ModelSession, origin: string): void {
    const { askedAt, proxy, stream, known } = session;
    const since = askedAt - SETTLED;
    const others = this.publishers(stream).filter(({ toldAt }) => toldAt! <= askedAt);
    if (others.some((each) => each.origin === origin)) return;
    for (const other of others) {
      const where =
        `${session.id} came to ${origin}, ${other.id} publishes ${stream} at ${other.origin}`;
      if (known === other.origin && this.#calm.hasKeptSince(askedAt - NOTICED)) {
        return this.violate("known and passed over", where);
      }
      if (this.#wasDividedSince(since, stream)) continue;
      const isWell = [proxy, other.proxy].every((each) => this.#calm.isWellSince(since, each));
      if (isWell && other.toldAt! + SPREAD < askedAt) return this.violate("unknown", where);
    }
  }

  /** A client is told that it is served. */
  told(session: ModelSession): void {
    if (session.intent !== "publish") return;
    const { stream } = session;
    const publishers = this.#publishers.get(stream) ?? new Set();
    this.#publishers.set(stream, publishers);
    for (const other of this.publishers(stream)) {
      if (other.origin === session.origin) continue;
      const since = session.askedAt - SETTLED;
      const proxies = [session.proxy, other.proxy];
      if (!proxies.every((each) => this.#calm.hasAskedSince(since, each))) continue;
      const where = `${session.origin} has ${session.id}, ${other.origin} has ${other.id}`;
      this.violate("split", `${stream}: ${where}`);
    }
    publishers.add(session);
  }

  /** A session has ended. */
  over(session: ModelSession): void {
    const publishers = this.#publishers.get(session.stream);
    if (new Set([...publishers ?? []].map(({ origin }) => origin)).size > 1) {
      this.#dividedAt.set(session.stream, this.#now());
    }
    publishers?.delete(session);
  }

  /** Checks that proxies without recent trouble know where streams are. */
  look(beliefs: readonly Belief[]): void {
    const since = this.#now() - SETTLED;
    for (const stream of this.#publishers.keys()) {
      if (this.#wasDividedSince(since, stream)) continue;
      const publishers = this.publishers(stream);
      const [publisher] = publishers;
      if (publisher === undefined || publisher.toldAt! + SPREAD > this.#now()) continue;
      if (publishers.length > 1 || !this.#calm.isWellSince(since, publisher.proxy)) continue;
      for (const { proxy, streams } of beliefs) {
        if (!this.#calm.isWellSince(since, proxy)) continue;
        const known = streams.find((each) => each.stream === stream);
        if (known?.live && known.origin === publisher.origin) continue;
        const what = known ? `${known.live ? "live" : "not live"} at ${known.origin}` : "nowhere";
        const where = `${publisher.id} publishes ${stream} at ${publisher.origin}`;
        this.violate("not known", `${where}, proxy ${proxy} knows it ${what}`);
      }
    }
  }

  #wasDividedSince(moment: number, stream: string): boolean {
    return this.origins(stream).size > 1 || (this.#dividedAt.get(stream) ?? -Infinity) >= moment;
  }

  /** Checks that all proxies know where streams are, after a long time without trouble. */
  quiet(beliefs: readonly Belief[], divided: number): void {
    for (const stream of this.#publishers.keys()) {
      const origins = this.origins(stream);
      if (origins.size === 0) continue;
      if (origins.size > 1 && divided === 0) {
        this.violate("split for good", `${stream} is at ${[...origins].join(", ")}`);
      }
      const owners = new Set<string>();
      for (const { proxy, streams } of beliefs) {
        const owner = streams.find((each) => each.stream === stream);
        owners.add(owner?.origin ?? "nowhere");
        if (!owner || !origins.has(owner.origin)) {
          const where = `${stream} is at ${[...origins].join(", ")}, proxy ${proxy} knows it`;
          this.violate("lost", `${where} ${owner ? `at ${owner.origin}` : "nowhere"}`);
        } else if (!owner.live) {
          this.violate("not live", `${stream} runs at ${owner.origin}, proxy ${proxy} says no`);
        }
      }
      if (owners.size > 1) this.violate("no agreement", `${stream}: ${[...owners].join(", ")}`);
    }
  }
}

function runs({ toldAt, isOver, isLeft }: ModelSession): boolean {
  return toldAt !== undefined && !isOver && !isLeft;
}
