// How fast clients get what has no session: the playlists and segments of a stream, one request after the
// other, and files. Summed up by stream and origin, since who asks again for the same is not known.

import type { Clock } from "../core/clock.ts";
import type { PartServed } from "../core/contracts.ts";
import { FlowMeter } from "../core/flow_meter.ts";

/** Bits a second of one stream from one origin. */
export interface PartRate {
  readonly stream: string;
  readonly origin: string;
  readonly bitsOut: number;
}

/** Streams that are remembered at a time; of what comes beyond it nothing is counted. */
const MOST = 10_000;
/** Milliseconds between two looks at all of them, at least. */
const LOOK = 1_000;
/** What comes first lasts a player for a while, so its rate is one over that time, milliseconds. */
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
    // No name of a stream has a line break in it.
    const key = `${stream}\n${origin}`;
    let part = this.#parts.get(key);
    if (part === undefined) {
      if (this.#parts.size >= MOST) return;
      part = { stream, origin, meter: new FlowMeter(this.#clock.now() - BEFORE), bytes: 0 };
      this.#parts.set(key, part);
    }
    part.bytes += bytes;
  }

  /** Those at which something flows. To be asked every few seconds at least. */
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
