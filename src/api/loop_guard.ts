// Keeps proxies out of the list of origins: whatever registers is asked once what it is, at every TCP
// address that it announces. Knows no protocol: how to ask an address is passed in.

import type { Clock } from "../core/clock.ts";
import { ExpiringMap } from "../core/expiring_map.ts";
import type { Address } from "../core/address.ts";
import type { Origin } from "../core/origin.ts";

/** Limits on addresses asked for one registration, per protocol, and on registrations checked at once. */
const MAX_ADDRESSES = 2;
const MAX_AT_ONCE = 64;
/** How long an answer is remembered unless the origin restarts; silence is remembered for less. */
const ANSWER_HOLDS = 3_600_000;
const SILENCE_HOLDS = 60_000;
const CAPACITY = 10_000;

/** Asks whether a proxy answers at an address, within a second or so; undefined if nothing answers. */
export type AskAddress = (address: Address) => Promise<boolean | undefined>;

export interface LoopGuardOptions {
  readonly rtmp: AskAddress;
  readonly http: AskAddress;
  readonly clock: Pick<Clock, "now">;
}

export class LoopGuard {
  readonly #rtmp: AskAddress;
  readonly #http: AskAddress;
  readonly #clock: Pick<Clock, "now">;
  readonly #answers = new ExpiringMap<string, boolean>({ capacity: CAPACITY, ttl: ANSWER_HOLDS });
  readonly #silent = new ExpiringMap<string, true>({ capacity: CAPACITY, ttl: SILENCE_HOLDS });
  readonly #pending = new Map<string, Promise<boolean>>();

  constructor(options: LoopGuardOptions) {
    this.#rtmp = options.rtmp;
    this.#http = options.http;
    this.#clock = options.clock;
  }

  /** Whether a proxy answers at this origin's addresses; false if that is not known in time. */
  async isProxy(origin: Origin): Promise<boolean> {
    const key = JSON.stringify([origin.id, origin.generation, origin.endpoints]);
    const known = this.#answers.get(key, this.#clock.now());
    if (known !== undefined) return known;
    if (this.#silent.get(key, this.#clock.now()) !== undefined) return false;
    const pending = this.#pending.get(key);
    if (pending !== undefined) return await pending;
    // A flood of new names is limited by the number of origins, not by checking each of them.
    if (this.#pending.size >= MAX_AT_ONCE) return false;
    const asked = this.#ask(key, origin).finally(() => this.#pending.delete(key));
    this.#pending.set(key, asked);
    return await asked;
  }

  async #ask(key: string, { endpoints }: Origin): Promise<boolean> {
    const first = (addresses: readonly Address[]) => addresses.slice(0, MAX_ADDRESSES);
    const answers = await Promise.all([
      ...first(endpoints.rtmp).map(this.#rtmp),
      ...[...first(endpoints.http), ...first(endpoints.api)].map(this.#http),
    ]);
    const isProxy = answers.includes(true);
    if (isProxy || !answers.includes(undefined)) this.#answers.set(key, isProxy, this.#clock.now());
    else this.#silent.set(key, true, this.#clock.now());
    return isProxy;
  }
}
