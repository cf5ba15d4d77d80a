// Finds out whether a suspected origin is really gone, by probes of our own: clients prove nothing
// against an origin. One prober for each origin, however many clients ask. Knows neither sockets
// nor streams; how to probe and what follows from it is passed in.

import type { Clock } from "../core/clock.ts";
import type { Origin } from "../core/origin.ts";

/** What a prober works with; times are milliseconds. */
export interface ProberOptions {
  /**
   * Called for each suspicion. @returns what tells whether the origin answers; it must settle by itself,
   * within the period at best
   */
  readonly openProbe: (id: string) => Probe;
  /** The origin as it is registered now; undefined when it is not. */
  readonly origin: (id: string) => Promise<Origin | undefined>;
  /** It has left a probe without an answer, and this process was the one to suspect it. */
  readonly onMiss: (id: string) => void;
  /** Probes in a row that it has left unanswered. */
  readonly onDown: (id: string) => void;
  /** One that was down has answered. */
  readonly onUp: (id: string) => void;
  readonly clock: Clock;
  /** From the beginning of one probe to that of the next. */
  readonly period: () => number;
}

/** One probe of an origin. */
export type Probe = (origin: Origin) => Promise<boolean>;

/** Probes without an answer after which an origin is down. */
const MISSES = 3;
/** The other proxies are told of so many; after that they know, or have no sessions there. */
const MOST_TOLD = 10;
const MOST_AT_ONCE = 64;
const MOST_SUSPECTS = 10_000;
/** Pause before looking again for a free place for a probe. */
const FULL_PAUSE = 200;

interface Suspect {
  readonly probe: Probe;
  /** Whether this process has found out itself. */
  isOwn: boolean;
  misses: number;
  isDown: boolean;
  /** Whether it has answered and is dropped at the next turn, unless it is suspected again. */
  isCleared: boolean;
  timer: Disposable;
}

export class Prober implements Disposable {
  readonly #options: ProberOptions;
  readonly #suspects = new Map<string, Suspect>();
  #underWay = 0;
  #isOver = false;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /**
   * Somebody could not reach the origin: it is probed until it answers.
   *
   * @param isOwn whether somebody of this process
   * @param misses probes that it has left unanswered before
   */
  suspect(id: string, isOwn: boolean, misses = 0): void {
    const known = this.#suspects.get(id);
    if (known) {
      known.isCleared = false;
      known.isOwn ||= isOwn;
    }
    if (known || this.#isOver || this.#suspects.size >= MOST_SUSPECTS) return;
    const timer = this.#options.clock.after(0, () => this.#probe(id));
    const probe = this.#options.openProbe(id);
    this.#suspects.set(id, { probe, isOwn, misses, isDown: false, isCleared: false, timer });
  }

  /** Whether it is being probed. */
  isSuspected(id: string): boolean {
    return this.#suspects.has(id);
  }

  /** How many are down. */
  get down(): number {
    let count = 0;
    for (const { isDown } of this.#suspects.values()) if (isDown) count++;
    return count;
  }

  /** Whether it has left several probes without an answer, and none with one since. */
  isDown(id: string): boolean {
    return this.#suspects.get(id)?.isDown ?? false;
  }

  /** The origin is another process now, or gone. */
  forget(id: string): void {
    this.#suspects.get(id)?.timer[Symbol.dispose]();
    this.#suspects.delete(id);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const id of [...this.#suspects.keys()]) this.forget(id);
  }

  async #probe(id: string): Promise<void> {
    const suspect = this.#suspects.get(id);
    if (!suspect) return;
    if (suspect.isCleared) return this.forget(id);
    if (this.#underWay >= MOST_AT_ONCE) return this.#again(id, suspect, FULL_PAUSE);
    const startedAt = this.#options.clock.now();
    const answer = await this.#ask(id, suspect.probe);
    // It may have been forgotten, and suspected again, while it was being probed.
    if (this.#suspects.get(id) !== suspect) return;
    if (answer === undefined) return this.forget(id);
    const pause = Math.max(0, this.#options.period() - (this.#options.clock.now() - startedAt));
    this.#again(id, suspect, pause);
    if (answer) this.#answered(id, suspect);
    else this.#missed(id, suspect);
  }

  /** @returns undefined when there is no such origin any more */
  async #ask(id: string, probe: Probe): Promise<boolean | undefined> {
    this.#underWay++;
    try {
      const origin = await this.#options.origin(id);
      return origin && await probe(origin);
    } catch {
      return false;
    } finally {
      this.#underWay--;
    }
  }

  #again(id: string, suspect: Suspect, pause: number): void {
    suspect.timer = this.#options.clock.after(pause, () => this.#probe(id));
  }

  #missed(id: string, suspect: Suspect): void {
    suspect.misses++;
    if (suspect.isOwn && suspect.misses <= MOST_TOLD) this.#options.onMiss(id);
    if (suspect.misses !== MISSES) return;
    suspect.isDown = true;
    this.#options.onDown(id);
  }

  /** One that answers is not asked again before its time, however many clients suspect it. */
  #answered(id: string, suspect: Suspect): void {
    const wasDown = suspect.isDown;
    suspect.isDown = false;
    suspect.misses = 0;
    suspect.isCleared = true;
    if (wasDown) this.#options.onUp(id);
  }
}
