// The addresses of this machine. The system takes as long to tell as the rest of a heartbeat does, so what
// it has said is kept for a moment. A part of app.ts, which is the one place that knows everything.

import type { Clock } from "../core/clock.ts";
import { normalizeIp } from "../core/endpoint.ts";

/** Milliseconds for which an answer is kept. */
const KEEP = 1_000;

export class LocalAddresses {
  readonly #clock: Pick<Clock, "now">;
  readonly #ask: () => readonly string[];
  #known: readonly string[] = [];
  #knownUntil = -Infinity;

  /** @param ask how the system tells; in any form */
  constructor(clock: Pick<Clock, "now">, ask: () => readonly string[] = askSystem) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** All of them, in canonical form. */
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
