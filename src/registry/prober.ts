// Finds out by probes of our own whether a suspected origin is really gone: what clients do proves nothing
// against an origin. One prober for each origin, however many clients ask. Knows neither sockets nor
// streams; how to probe and what to do about the result is passed in.

import type { Clock } from "../core/clock.ts";
import type { Origin } from "../core/origin.ts";

export interface ProberOptions {
  /**
   * Called for each suspicion. @returns the probe, which tells whether the origin answers; it must settle
   * by itself, preferably within the period
   */
  readonly openProbe: (id: string) => Probe;
  /** The origin as registered now; undefined if it is not registered. */
  readonly origin: (id: string) => Promise<Origin | undefined>;
  /** The origin has left a probe unanswered, and this process was the one to suspect it. */
  readonly onMiss: (id: string) => void;
  /** It has left several probes in a row unanswered. */
  readonly onDown: (id: string) => void;
  /** An origin that was down has answered. */
  readonly onUp: (id: string) => void;
  readonly clock: Clock;
  /** From the beginning of one probe to that of the next. */
  readonly period: () => number;
}

export type Probe = (origin: Origin) => Promise<boolean>;

/** Unanswered probes in a row after which an origin is down. */
const MISSES = 3;
/** How often the other proxies are told; after that they know, or have no sessions there. */
const MOST_TOLD = 10;
const MOST_AT_ONCE = 64;
const MOST_SUSPECTS = 10_000;
/** Pause before looking again for a free slot for a probe. */
const FULL_PAUSE = 200;

interface Suspect {
  readonly probe: Probe;
  /** Whether this process has found out itself. */
  isOwn: boolean;
  misses: number;
  isDown: boolean;
  /** Whether it has answered, and is dropped at the next turn unless it is suspected again. */
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
   * Says that the origin could not be reached: it is probed until it answers.
   *
   * @param isOwn whether this process could not reach it
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

  isSuspected(id: string): boolean {
    return this.#suspects.has(id);
  }

  /** Number of origins that are down. */
  get down(): number {
    let count = 0;
    for (const { isDown } of this.#suspects.values()) if (isDown) count++;
    return count;
  }

  /** Whether it has left several probes in a row unanswered, and answered none since. */
  isDown(id: string): boolean {
    return this.#suspects.get(id)?.isDown ?? false;
  }

  /** Says that the origin has restarted or is gone. */
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
    // It may have been forgotten, and suspected again, during the probe.
    if (this.#suspects.get(id) !== suspect) return;
    if (answer === undefined) return this.forget(id);
    const pause = Math.max(0, this.#options.period() - (this.#options.clock.now() - startedAt));
    this.#again(id, suspect, pause);
    if (answer) this.#answered(id, suspect);
    else this.#missed(id, suspect);
  }

  /** @returns undefined if there is no such origin any more */
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

  /** An origin that answers is not probed again ahead of time, however many clients suspect it. */
  #answered(id: string, suspect: Suspect): void {
    const wasDown = suspect.isDown;
    suspect.isDown = false;
    suspect.misses = 0;
    suspect.isCleared = true;
    if (wasDown) this.#options.onUp(id);
  }
}
