// Mappings given up a moment ago, before Redis is told: repeated requests for a stream that no origin has
// get the same mapping back and cost no call.

import type { ForgottenStream } from "../store.ts";

const DELAY = 2_000;
const CAPACITY = 10_000;

interface Entry {
  readonly forgotten: ForgottenStream;
  readonly due: number;
}

/** Mappings to be forgotten soon. Time is an argument, in milliseconds. */
export class GivenUp {
  // All wait equally long, so the first is always the next.
  readonly #entries = new Map<string, Entry>();

  has(stream: string): boolean {
    return this.#entries.has(stream);
  }

  add(forgotten: ForgottenStream, now: number): void {
    this.#entries.delete(forgotten.stream);
    this.#entries.set(forgotten.stream, { forgotten, due: now + DELAY });
  }

  /** The stream is wanted again, or is to be forgotten at once. */
  take(stream: string): ForgottenStream | undefined {
    const entry = this.#entries.get(stream);
    this.#entries.delete(stream);
    return entry?.forgotten;
  }

  /** Removes and returns those that are due, or for which there is no room. */
  takeDue(now: number): ForgottenStream[] {
    const due: ForgottenStream[] = [];
    for (const [stream, entry] of this.#entries) {
      if (entry.due > now && this.#entries.size <= CAPACITY) break;
      this.#entries.delete(stream);
      due.push(entry.forgotten);
    }
    return due;
  }
}
