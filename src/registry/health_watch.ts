// Probes every origin all the time, so that a dead one is noticed before clients are sent to it: one probe
// per origin and interval, spread over the interval. An origin that leaves a probe unanswered becomes a
// suspect, which the prober probes from then on.

import type { Clock } from "../core/clock.ts";
import type { Origin } from "../core/origin.ts";

export interface HealthWatchOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Milliseconds between two probes of an origin; 0 = none are sent. */
  readonly interval: () => number;
  /** Whether an origin answers; must settle by itself, preferably within the interval. */
  readonly probe: (origin: Origin) => Promise<boolean>;
  /** Whether this process of the fleet is the one to probe the origin. */
  readonly isOurs: (id: string) => boolean;
  /** Whether the prober already probes the origin. */
  readonly isSuspected: (id: string) => boolean;
  readonly onProbed: (id: string, answers: boolean) => void;
}

/** Pauses are shorter or longer than the interval by up to this share of it. */
const JITTER = 0.2;
const MOST_AT_ONCE = 64;
/** Milliseconds before looking again when there is nothing to do or no room. */
const SHORT_PAUSE = 200;
const OFF_PAUSE = 1_000;

interface Watched {
  origin: Origin;
  timer: Disposable;
}

export class HealthWatch implements Disposable {
  readonly #options: HealthWatchOptions;
  readonly #watched = new Map<string, Watched>();
  #underWay = 0;

  constructor(options: HealthWatchOptions) {
    this.#options = options;
  }

  /** These are all registered origins. */
  update(origins: readonly { readonly origin: Origin }[]): void {
    const present = new Set(origins.map(({ origin }) => origin.id));
    for (const id of this.#watched.keys()) if (!present.has(id)) this.#drop(id);
    for (const { origin } of origins) this.seen(origin);
  }

  /** Adds one registered origin. */
  seen(origin: Origin): void {
    const known = this.#watched.get(origin.id);
    if (known !== undefined) {
      known.origin = origin;
      return;
    }
    const { random, interval } = this.#options;
    // Spreads the probes over the interval.
    const timer = this.#after(origin.id, random() * interval());
    this.#watched.set(origin.id, { origin, timer });
  }

  [Symbol.dispose](): void {
    for (const id of [...this.#watched.keys()]) this.#drop(id);
  }

  #drop(id: string): void {
    this.#watched.get(id)?.timer[Symbol.dispose]();
    this.#watched.delete(id);
  }

  #after(id: string, pause: number): Disposable {
    return this.#options.clock.after(pause, () => this.#look(id));
  }

  async #look(id: string): Promise<void> {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    const { interval, isOurs, isSuspected, random } = this.#options;
    const isFull = this.#underWay >= MOST_AT_ONCE;
    const pause = interval() * (1 + JITTER * (2 * random() - 1));
    const next = interval() === 0 ? OFF_PAUSE : isFull ? SHORT_PAUSE : pause;
    watched.timer = this.#after(id, next);
    if (interval() === 0 || isFull || isSuspected(id) || !isOurs(id)) return;
    const answers = await this.#ask(watched.origin);
    if (this.#watched.get(id) === watched) this.#options.onProbed(id, answers);
  }

  async #ask(origin: Origin): Promise<boolean> {
    this.#underWay++;
    try {
      return await this.#options.probe(origin);
    } catch {
      return false;
    } finally {
      this.#underWay--;
    }
  }
}
