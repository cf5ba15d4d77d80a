// Lines on their way into a stream whose reader may stop: they wait in a bounded buffer, and nobody
// waits for them. What does not fit is dropped and counted. Knows no log and no process.

import { type Clock, pause, within } from "./clock.ts";

/** Bytes that are written at once, at most, unless one line has more. */
const BATCH = 65_536;
/** Pauses before what a stream could not take now, or at all, is followed by more; milliseconds. */
const PAUSE_WHEN_FULL = 50;
const PAUSE_WHEN_BROKEN = 1_000;

export interface LineOutletOptions {
  /** Writes some of the bytes and tells how many; it may take as long as it likes. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** Most bytes that wait, those included that are being written. */
  readonly capacity: number;
  readonly clock: Clock;
  /** Told how many lines were lost, once there is room again; may push a line. */
  readonly onRoom?: (lost: number) => void;
}

export class LineOutlet {
  readonly #options: LineOutletOptions;
  readonly #encoder = new TextEncoder();
  #waiting: Uint8Array[] = [];
  /** Bytes that wait, those included that are being written. */
  #size = 0;
  #lost = 0;
  /** How many of the lost ones have not been reported. */
  #untold = 0;
  #writing: Promise<void> | undefined;

  constructor(options: LineOutletOptions) {
    this.#options = options;
  }

  /** How many lines have been lost in all. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes one line without its line break; never waits and never throws. */
  push(line: string): void {
    const bytes = this.#encoder.encode(`${line}\n`);
    // Once one is lost so are the next: the report must be where they are missing.
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
    // Lines of the same turn of the event loop go together.
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
        // Whoever shares the stream may have made it one that does not wait.
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
