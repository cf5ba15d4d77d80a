// Writes lines to a stream whose reader may stop: they wait in a bounded buffer, and nobody waits for
// them. Lines that do not fit are dropped and counted. Knows neither logs nor processes.

import { type Clock, pause, within } from "./clock.ts";

/** Most bytes per write, unless a single line is longer. */
const BATCH = 65_536;
/** Milliseconds before the next attempt when the stream is full, and when it fails. */
const PAUSE_WHEN_FULL = 50;
const PAUSE_WHEN_BROKEN = 1_000;

export interface LineOutletOptions {
  /** Writes some of the bytes and resolves to their number; may take as long as it likes. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** Most bytes that may wait, including those being written. */
  readonly capacity: number;
  readonly clock: Clock;
  /** Called with the number of lost lines once there is room again; may push a line. */
  readonly onRoom?: (lost: number) => void;
}

export class LineOutlet {
  readonly #options: LineOutletOptions;
  readonly #encoder = new TextEncoder();
  #waiting: Uint8Array[] = [];
  /** Bytes that wait, including those being written. */
  #size = 0;
  #lost = 0;
  /** Number of lost lines not reported yet. */
  #untold = 0;
  #writing: Promise<void> | undefined;

  constructor(options: LineOutletOptions) {
    this.#options = options;
  }

  /** Number of lines lost in all. */
  get lost(): number {
    return this.#lost;
  }

  /** Adds one line without its line break; never waits and never throws. */
  push(line: string): void {
    const bytes = this.#encoder.encode(`${line}\n`);
    // After a lost line all are dropped until the report, which must be where they are missing.
    if (this.#untold > 0 || this.#size + bytes.length > this.#options.capacity) {
      this.#lose(1);
      if (this.#writing === undefined) this.#tellLost();
      return;
    }
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything has been written, or after this many milliseconds. */
  async flush(timeout: number): Promise<void> {
    if (this.#writing === undefined) return;
    await within(this.#options.clock, timeout, this.#writing, () => {});
  }

  #lose(lines: number): void {
    this.#lost += lines;
    this.#untold += lines;
  }

  async #writeAll(): Promise<void> {
    // Gathers the lines of this turn of the event loop.
    await undefined;
    while (this.#waiting.length > 0) {
      const { bytes, lines } = this.#nextBatch();
      if (!await this.#write(bytes)) this.#lose(lines);
      this.#size -= bytes.length;
      this.#tellLost();
    }
    this.#writing = undefined;
  }

  #nextBatch(): { bytes: Uint8Array; lines: number } {
    let length = this.#waiting[0]!.length;
    let lines = 1;
    while (length + (this.#waiting[lines]?.length ?? Infinity) <= BATCH) {
      length += this.#waiting[lines++]!.length;
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const line of this.#waiting.splice(0, lines)) {
      bytes.set(line, at);
      at += line.length;
    }
    return { bytes, lines };
  }

  /** @returns whether all of it was written */
  async #write(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length;) {
      try {
        at += await this.#options.write(bytes.subarray(at));
      } catch (error) {
        // Another user of the stream may have made it non-blocking.
        const isFull = error instanceof Deno.errors.WouldBlock;
        await pause(this.#options.clock, isFull ? PAUSE_WHEN_FULL : PAUSE_WHEN_BROKEN);
        if (!isFull) return false;
      }
    }
    return true;
  }

  #tellLost(): void {
    if (this.#untold === 0 || this.#size > this.#options.capacity / 2) return;
    const lost = this.#untold;
    this.#untold = 0;
    this.#options.onRoom?.(lost);
  }
}
