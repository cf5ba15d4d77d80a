// How fast clients receive what has no session: the playlists and segments of a stream, in one request after
// the other, and files. Summed up by stream and origin, since it is not known which requests belong together.

import type { Clock } from "../core/clock.ts";
import type { PartServed } from "../core/contracts.ts";
import { FlowMeter } from "../core/flow_meter.ts";

/** Bits per second of one stream from one origin. */
export interface PartRate {
  readonly stream: string;
  readonly origin: string;
  readonly bitsOut: number;
}

/** Limit on streams that are remembered; further ones are not counted. */
const MOST = 10_000;
/** Least milliseconds between two updates of all rates. */
const LOOK = 1_000;
/** Milliseconds over which a first request is averaged, since a player lives on it for a while. */
const BEFORE = 10_000;

interface Part {
  readonly stream: string;
  readonly origin: string;
  readonly meter: FlowMeter;
  bytes: number;
}

export class PartRates {
  readonly #clock: Pick<Clock, "now">;
  readonly #parts = new Map<string, Part>();
  #lookedAt = -Infinity;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  add({ stream, origin, bytes }: PartServed): void {
    this.#look();
    // The name of a stream contains no line break.
    const key = `${stream}\n${origin}`;
    let part = this.#parts.get(key);
    if (part === undefined) {
      if (this.#parts.size >= MOST) return;
      part = { stream, origin, meter: new FlowMeter(this.#clock.now() - BEFORE), bytes: 0 };
      this.#parts.set(key, part);
    }
    part.bytes += bytes;
  }

  /** Those with a rate above 0. To be called at least every few seconds. */
  *all(): Iterable<PartRate> {
    this.#look();
    for (const { stream, origin, meter: { bitsOut } } of this.#parts.values()) {
      if (bitsOut > 0) yield { stream, origin, bitsOut };
    }
  }

  #look(): void {
    const now = this.#clock.now();
    if (now - this.#lookedAt < LOOK) return;
    this.#lookedAt = now;
    for (const [key, { meter, bytes }] of this.#parts) {
      meter.look(now, 0, bytes);
      if (meter.bytesOut === bytes && meter.bitsOut === 0) this.#parts.delete(key);
    }
  }
}
