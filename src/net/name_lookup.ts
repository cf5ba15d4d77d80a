// Host names as addresses, looked up as the system does it and remembered for a while. Knows not
// what the addresses are for.

import { lookup } from "node:dns/promises";
import { normalizeIp } from "../core/endpoint.ts";

/** How long an answer holds, and how long one is waited for, milliseconds. */
const FRESH = 30_000;
const PATIENCE = 2_000;

interface Known {
  readonly addresses: readonly string[];
  readonly until: number;
}

/** The addresses of a few names; as large as the number of names asked for. */
export class NameLookup {
  readonly #known = new Map<string, Known>();
  readonly #pending = new Map<string, Promise<readonly string[]>>();

  /**
   * The IP addresses of a name in the system's order; what was known last when it cannot be asked
   * in time; none when nothing ever was.
   */
  async addressesOf(name: string): Promise<readonly string[]> {
    const known = this.#known.get(name);
    if (known !== undefined && known.until > performance.now()) return known.addresses;
    const { promise: late, resolve } = Promise.withResolvers<readonly string[]>();
    const timer = setTimeout(() => resolve(known?.addresses ?? []), PATIENCE);
    try {
      return await Promise.race([this.#ask(name), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #ask(name: string): Promise<readonly string[]> {
    const pending = this.#pending.get(name) ??
      this.#askSystem(name).finally(() => this.#pending.delete(name));
    this.#pending.set(name, pending);
    return pending;
  }

  async #askSystem(name: string): Promise<readonly string[]> {
    const before = this.#known.get(name)?.addresses ?? [];
    const found = await lookup(name, { all: true }).catch(() => []);
    const addresses = found.flatMap(({ address }) => normalizeIp(address) ?? []);
    const kept = addresses.length > 0 ? [...new Set(addresses)] : before;
    this.#known.set(name, { addresses: kept, until: performance.now() + FRESH });
    return kept;
  }
}
