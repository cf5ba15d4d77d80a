// The addresses of this machine. Asking the system takes as long as the rest of a heartbeat, so its answer is
// kept for a moment. A part of app.ts.

import type { Clock } from "../core/clock.ts";
import { normalizeIp } from "../core/endpoint.ts";

/** Milliseconds for which an answer is kept. */
const KEEP = 1_000;

export class LocalAddresses {
  readonly #clock: Pick<Clock, "now">;
  readonly #ask: () => readonly string[];
  #known: readonly string[] = [];
  #knownUntil = -Infinity;

  /** @param ask asks the system; returns addresses in any form */
  constructor(clock: Pick<Clock, "now">, ask: () => readonly string[] = askSystem) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** In canonical form. */
  get all(): readonly string[] {
    const now = this.#clock.now();
    if (now >= this.#knownUntil) {
      this.#known = this.#ask().flatMap((ip) => normalizeIp(ip) ?? []);
      this.#knownUntil = now + KEEP;
    }
    return this.#known;
  }
}

function askSystem(): string[] {
  return Deno.networkInterfaces().map(({ address }) => address);
}
