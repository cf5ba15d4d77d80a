// Which origins did not answer in which protocol, and for how long each is therefore left alone.
// Knows no origin but by its id, and no clock: time is an argument, in milliseconds.

import { ExpiringMap } from "../core/expiring_map.ts";
import { type Protocol, PROTOCOLS } from "../core/origin.ts";

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const PROBE_TIME = 3_000;
const FORGIVEN_AFTER = 5 * 60_000;

interface SetAside {
  readonly failures: number;
  readonly until: number;
  /** Whether `until` is the end of a trial rather than of a pause. */
  readonly onTrial: boolean;
}

/** One door of an origin: its other protocols have other ports and may be fine. */
export interface OriginDoor {
  /** Id of the origin. */
  readonly origin: string;
  readonly protocol: Protocol;
}

/**
 * Sets origins aside, each protocol by itself, with a pause that doubles with each failure, from
 * 1 s to 60 s. When a pause is over, one request tries the origin; the others stay away until it
 * has answered.
 */
export class Health {
  readonly #random: () => number;
  readonly #setAside: Readonly<Record<Protocol, ExpiringMap<string, SetAside>>>;

  /** @param options `capacity` in origins; `random` spreads the pauses of several proxies */
  constructor(options: { readonly capacity: number; readonly random: () => number }) {
    const { capacity, random } = options;
    const open = () => new ExpiringMap<string, SetAside>({ capacity, ttl: FORGIVEN_AFTER });
    this.#random = random;
    this.#setAside = { rtmp: open(), http: open(), api: open(), srt: open(), rtc: open() };
  }

  /**
   * The origin did not answer. Failures of requests that were under way together count as one.
   *
   * @returns for how long it is set aside from now, or 0 if it was so already
   */
  unreachable({ origin, protocol }: OriginDoor, now: number): number {
    const before = this.#setAside[protocol].get(origin, now);
    if (before && now < before.until && !before.onTrial) return 0;
    const failures = (before?.failures ?? 0) + 1;
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1));
    const spread = pause * (0.75 + 0.25 * this.#random());
    this.#setAside[protocol].set(origin, { failures, until: now + spread, onTrial: false }, now);
    return spread;
  }

  /** The origin answered. @returns whether anything was held against it */
  reached({ origin, protocol }: OriginDoor, now: number): boolean {
    return this.#setAside[protocol].delete(origin, now);
  }

  /** The origin is another process now, or gone: nothing is held against it any more. */
  forgive(origin: string, now: number): void {
    for (const protocol of PROTOCOLS) this.#setAside[protocol].delete(origin, now);
  }

  /** Milliseconds for which the origin is to be left alone; 0 when it may be used. */
  setAsideFor({ origin, protocol }: OriginDoor, now: number): number {
    const until = this.#setAside[protocol].get(origin, now)?.until ?? 0;
    return Math.max(0, until - now);
  }

  /** The same for every protocol in which it is to be left alone. */
  pausesOf(origin: string, now: number): Partial<Record<Protocol, number>> {
    const pauses: Partial<Record<Protocol, number>> = {};
    for (const protocol of PROTOCOLS) {
      const left = this.setAsideFor({ origin, protocol }, now);
      if (left > 0) pauses[protocol] = left;
    }
    return pauses;
  }

  /** Failures in a row for which the origin is not forgiven yet, by protocol. */
  failuresOf(origin: string, now: number): Partial<Record<Protocol, number>> {
    const failures: Partial<Record<Protocol, number>> = {};
    for (const protocol of PROTOCOLS) {
      const found = this.#setAside[protocol].get(origin, now);
      if (found !== undefined) failures[protocol] = found.failures;
    }
    return failures;
  }

  /**
   * A request goes to the origin now. After a pause it is the one that tries it: until it has
   * answered, or a few seconds have passed, the origin stays set aside for others.
   */
  used({ origin, protocol }: OriginDoor, now: number): void {
    const before = this.#setAside[protocol].get(origin, now);
    if (before === undefined || now < before.until) return;
    const { failures } = before;
    const until = now + PROBE_TIME;
    this.#setAside[protocol].set(origin, { failures, until, onTrial: true }, now);
  }

  /** Forgets origins of which nothing was heard for long. */
  sweep(now: number): void {
    for (const protocol of PROTOCOLS) this.#setAside[protocol].expire(now);
  }
}
