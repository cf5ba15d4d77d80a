// Which origins did not answer in which protocol, and for how long each is therefore left alone. Knows
// origins only by their id, and no clock: time is an argument, in milliseconds.

import { ExpiringMap } from "../core/expiring_map.ts";
import { type Protocol, PROTOCOLS } from "../core/origin.ts";

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const PROBE_TIME = 3_000;
const FORGIVEN_AFTER = 5 * 60_000;

interface SetAside {
  readonly failures: number;
  readonly until: number;
  /** Whether `until` ends a trial rather than a pause. */
  readonly onTrial: boolean;
}

/** One protocol of an origin: its other protocols have other ports and may work. */
export interface OriginDoor {
  /** Id of the origin. */
  readonly origin: string;
  readonly protocol: Protocol;
}

/**
 * Sets origins aside, each protocol separately, with a pause that doubles with each failure, from 1 s to
 * 60 s. When a pause is over, one request tries the origin; the others stay away until it has answered.
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
   * Says that the origin did not answer. Failures of requests made at the same time count as one.
   *
   * @returns milliseconds for which it is set aside from now, or 0 if it already was
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

  /** Says that the origin answered. @returns whether there were failures to forget */
  reached({ origin, protocol }: OriginDoor, now: number): boolean {
    return this.#setAside[protocol].delete(origin, now);
  }

  /** Forgets all failures of an origin that has restarted or is gone. */
  forgive(origin: string, now: number): void {
    for (const protocol of PROTOCOLS) this.#setAside[protocol].delete(origin, now);
  }

  /** Milliseconds for which the origin is to be left alone; 0 if it may be used. */
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

  /** Failures in a row since the origin last worked, by protocol. */
  failuresOf(origin: string, now: number): Partial<Record<Protocol, number>> {
    const failures: Partial<Record<Protocol, number>> = {};
    for (const protocol of PROTOCOLS) {
      const found = this.#setAside[protocol].get(origin, now);
      if (found !== undefined) failures[protocol] = found.failures;
    }
    return failures;
  }

  /**
   * Says that a request goes to the origin now. After a pause this request is the trial: until it has
   * succeeded, or a few seconds have passed, the origin stays set aside for others.
   */
  used({ origin, protocol }: OriginDoor, now: number): void {
    const before = this.#setAside[protocol].get(origin, now);
    if (before === undefined || now < before.until) return;
    const { failures } = before;
    const until = now + PROBE_TIME;
    this.#setAside[protocol].set(origin, { failures, until, onTrial: true }, now);
  }

  /** Forgets origins that have not failed for a long time. */
  sweep(now: number): void {
    for (const protocol of PROTOCOLS) this.#setAside[protocol].expire(now);
  }
}
