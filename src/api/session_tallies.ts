// The number of sessions by origin and by stream, and their bit rates, as shown in the lists of origins and
// streams. Counted in one pass over the open sessions whenever a list is requested.

import type { OriginCounts, SessionCounts } from "../core/fleet.ts";
import type { AllSessions, OpenSession } from "./session_log.ts";

/** The sessions of one stream; rates in bits per second. */
export interface StreamTally {
  readonly publishers: number;
  /** By protocol, without zeros. */
  readonly viewers: Readonly<Record<string, number>>;
  /** The newest publisher of this process. */
  readonly publisher: OpenSession | undefined;
  /** From publishers. */
  readonly bitsIn: number;
  /** To viewers, including those that request one playlist and segment after the other. */
  readonly bitsOut: number;
}

/** A tally while it is being counted. */
type Counting<Tally> = { -readonly [Name in keyof Tally]: Tally[Name] };
interface OpenStreamTally extends Counting<Omit<StreamTally, "viewers">> {
  readonly viewers: Record<string, number>;
}

/** Limit on streams reported to other proxies. */
const MOST_STREAMS = 10_000;
const NONE: OriginCounts = { publishers: 0, viewers: 0, bitsIn: 0, bitsOut: 0 };
const NOTHING = { publishers: 0, publisher: undefined, bitsIn: 0, bitsOut: 0 } as const;
const NOBODY: StreamTally = { ...NOTHING, viewers: {} };

/** The numbers at one moment. */
export class SessionTallies {
  readonly #origins = new Map<string, Counting<OriginCounts>>();
  readonly #streams = new Map<string, OpenStreamTally>();
  #others: SessionTallies | undefined;

  /** @param placed returns the key under which a session's stream is listed */
  constructor({ sessions, parts }: AllSessions, placed: (stream: string) => string) {
    for (const session of sessions) this.#add(session, placed(session.stream));
    for (const { stream, origin, bitsOut } of parts) {
      this.#atOrigin(origin).bitsOut += bitsOut;
      this.#atStream(placed(stream)).bitsOut += bitsOut;
    }
  }

  /** The sum of what other proxies have reported. */
  static ofReports(reports: readonly SessionCounts[]): SessionTallies {
    const tallies = new SessionTallies({ sessions: [], parts: [] }, (stream) => stream);
    for (const counts of reports) tallies.#addReport(counts);
    return tallies;
  }

  /** Includes other proxies' tallies from now on, except in `counts`. Entries are only added up when read. */
  beside(others: SessionTallies): this {
    this.#others = others;
    return this;
  }

  ofOrigin(id: string): OriginCounts {
    const own = this.#origins.get(id) ?? NONE;
    const others = this.#others?.ofOrigin(id) ?? NONE;
    return others === NONE ? own : addOrigin({ ...own }, others);
  }

  ofStream(key: string): StreamTally {
    const own = this.#streams.get(key) ?? NOBODY;
    const others = this.#others?.ofStream(key) ?? NOBODY;
    return others === NOBODY ? own : addStream({ ...own, viewers: { ...own.viewers } }, others);
  }

  /** What is reported to other proxies; the busiest streams if there are too many. */
  counts(): SessionCounts {
    const busy = [...this.#streams]
      .map(([key, { publishers, viewers, bitsIn, bitsOut }]) => {
        return { key, publishers, viewers, rates: [bitsIn, bitsOut] as const, sum: sumOf(viewers) };
      })
      .filter(({ publishers, sum, rates }) => publishers + sum + rates[0] + rates[1] > 0)
      .sort((one, two) => two.sum - one.sum || two.rates[0] - one.rates[0])
      .slice(0, MOST_STREAMS);
    const viewed = busy.filter(({ sum }) => sum > 0);
    const published = busy.filter(({ publishers }) => publishers > 0);
    const flowing = busy.filter(({ rates }) => rates[0] + rates[1] > 0);
    return {
      origins: Object.fromEntries(this.#origins),
      streams: Object.fromEntries(viewed.map(({ key, viewers }) => [key, viewers])),
      publishers: Object.fromEntries(published.map(({ key, publishers }) => [key, publishers])),
      rates: Object.fromEntries(flowing.map(({ key, rates }) => [key, rates])),
    };
  }

  #addReport({ origins, streams, publishers, rates }: SessionCounts): void {
    for (const [id, counts] of Object.entries(origins)) addOrigin(this.#atOrigin(id), counts);
    for (const [key, viewers] of Object.entries(streams)) {
      addStream(this.#atStream(key), { ...NOTHING, viewers });
    }
    for (const [key, count] of Object.entries(publishers)) this.#atStream(key).publishers += count;
    for (const [key, [bitsIn, bitsOut]] of Object.entries(rates)) {
      const of = this.#atStream(key);
      of.bitsIn += bitsIn;
      of.bitsOut += bitsOut;
    }
  }

  #atOrigin(id: string): Counting<OriginCounts> {
    let at = this.#origins.get(id);
    if (at === undefined) this.#origins.set(id, at = { ...NONE });
    return at;
  }

  #atStream(key: string): OpenStreamTally {
    let of = this.#streams.get(key);
    if (of === undefined) this.#streams.set(key, of = { ...NOTHING, viewers: {} });
    return of;
  }

  #add(session: OpenSession, stream: string): void {
    const { origin, intent, protocol, flowed: { bitsIn, bitsOut } } = session;
    const at = this.#atOrigin(origin);
    const of = this.#atStream(stream);
    at.bitsIn += bitsIn;
    at.bitsOut += bitsOut;
    if (intent === "publish") {
      at.publishers++;
      of.publishers++;
      of.publisher = session;
      of.bitsIn += bitsIn;
    } else {
      at.viewers++;
      of.viewers[protocol] = (of.viewers[protocol] ?? 0) + 1;
      of.bitsOut += bitsOut;
    }
  }
}

function sumOf(viewers: Readonly<Record<string, number>>): number {
  return Object.values(viewers).reduce((sum, count) => sum + count, 0);
}

function addOrigin(sum: Counting<OriginCounts>, more: OriginCounts): OriginCounts {
  sum.publishers += more.publishers;
  sum.viewers += more.viewers;
  sum.bitsIn += more.bitsIn;
  sum.bitsOut += more.bitsOut;
  return sum;
}

/** All but the publisher's session, which only its own process shows. */
function addStream(sum: OpenStreamTally, more: StreamTally): StreamTally {
  for (const [protocol, count] of Object.entries(more.viewers)) {
    sum.viewers[protocol] = (sum.viewers[protocol] ?? 0) + count;
  }
  sum.publishers += more.publishers;
  sum.bitsIn += more.bitsIn;
  sum.bitsOut += more.bitsOut;
  return sum;
}
