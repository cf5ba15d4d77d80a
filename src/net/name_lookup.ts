// Resolves host names with the system's resolver and remembers the addresses for a while. Does not know
// what they are for.

import { lookup } from "node:dns/promises";
import { type Clock, within } from "../core/clock.ts";
import { normalizeIp } from "../core/endpoint.ts";
import { ExpiringMap } from "../core/expiring_map.ts";

/**
 * Milliseconds for which an answer is used without asking again, for which it is still used if asking
 * fails, for which a failure is remembered, and for which an answer is awaited.
 */
const FRESH = 5_000;
const STALE = 600_000;
const EMPTY = 1_000;
const PATIENCE = 2_000;
const CAPACITY = 2_000;

/** Asks the system for the addresses of a name. @throws when there are none */
export type AskSystem = (name: string) => Promise<readonly string[]>;

interface Known {
  readonly addresses: readonly string[];
  readonly freshUntil: number;
  readonly staleUntil: number;
}

/** Remembers addresses of names, up to a limit; the names not asked for longest are forgotten first. */
export class NameLookup {
  readonly #ask: AskSystem;
  readonly #clock: Clock;
  readonly #known = new ExpiringMap<string, Known>({ capacity: CAPACITY, ttl: STALE });
  readonly #pending = new Map<string, Promise<readonly string[]>>();

  constructor(clock: Clock, ask: AskSystem = askSystem) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /**
   * The IP addresses of a name in the system's order; the last known ones when the system does not answer
   * in time; none when there never were any.
   */
  async addressesOf(name: string): Promise<readonly string[]> {
    const now = this.#clock.now();
    const known = this.#known.get(name, now);
    if (known !== undefined && known.freshUntil > now) return known.addresses;
    return await within(this.#clock, PATIENCE, this.#askOnce(name), () => known?.addresses ?? []);
  }

  #askOnce(name: string): Promise<readonly string[]> {
    const pending = this.#pending.get(name) ??
      this.#askAndRemember(name).finally(() => this.#pending.delete(name));
    this.#pending.set(name, pending);
    return pending;
  }

  async #askAndRemember(name: string): Promise<readonly string[]> {
    const found = await this.#ask(name).catch(() => []);
    const now = this.#clock.now();
    this.#known.expire(now);
    if (found.length > 0) {
      const addresses = [...new Set(found)];
      const times = { freshUntil: now + FRESH, staleUntil: now + STALE };
      this.#known.set(name, { addresses, ...times }, now);
      return addresses;
    }
    const before = this.#known.get(name, now);
    const isUsable = before !== undefined && before.staleUntil > now;
    const addresses = isUsable ? before.addresses : [];
    const staleUntil = isUsable ? before.staleUntil : now;
    this.#known.set(name, { addresses, freshUntil: now + EMPTY, staleUntil }, now);
    return addresses;
  }
}

async function askSystem(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true });
  return found.flatMap(({ address }) => normalizeIp(address) ?? []);
}
