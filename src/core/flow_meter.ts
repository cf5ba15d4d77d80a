// Measures how much has flowed between a client and its origin, and at what rate recently, from a few samples
// of two running totals. Costs nothing while bytes move: whoever counts them passes the totals now and then.

/** Least milliseconds between two samples; a little less than two sweeps of a second. */
const STEP = 1_900;
/** Number of steps in the ten seconds over which a rate is averaged. */
const STEPS = 5;
/** Numbers in a sample: its time, bytes in, bytes out. */
const SAMPLE = 3;
/** Least milliseconds before the first rate, so that an initial burst does not count as one. */
const SOONEST = 1_000;

/** Bytes so far and the current rates; "in" is from the client, "out" is to it. */
export interface Flowed {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bits per second over the last ten seconds. */
  readonly bitsIn: number;
  readonly bitsOut: number;
}

export class FlowMeter implements Flowed {
  bytesIn = 0;
  bytesOut = 0;
  bitsIn = 0;
  bitsOut = 0;
  /** Used as a ring once it is full; then the oldest sample is at `#next`. */
  readonly #samples: number[];
  #next = SAMPLE;
  #lookedAt: number;

  /** @param now when the flow begins; milliseconds of any clock */
  constructor(now: number) {
    this.#samples = [now, 0, 0];
    this.#lookedAt = now;
  }

  /**
   * Takes a sample unless it is too early for the next.
   *
   * @param bytesIn total so far
   * @param bytesOut total so far
   * @returns whether anything has changed
   */
  look(now: number, bytesIn: number, bytesOut: number): boolean {
    if (now - this.#lookedAt < (this.#samples.length === SAMPLE ? SOONEST : STEP)) return false;
    this.#lookedAt = now;
    const { bitsIn: beforeIn, bitsOut: beforeOut } = this;
    const isMore = bytesIn !== this.bytesIn || bytesOut !== this.bytesOut;
    this.bytesIn = bytesIn;
    this.bytesOut = bytesOut;
    this.#measure(now);
    this.#keep(now);
    return isMore || this.bitsIn !== beforeIn || this.bitsOut !== beforeOut;
  }

  #measure(now: number): void {
    const samples = this.#samples;
    const oldest = samples.length < STEPS * SAMPLE ? 0 : this.#next;
    const perSecond = 8_000 / (now - samples[oldest]!);
    this.bitsIn = Math.round((this.bytesIn - samples[oldest + 1]!) * perSecond);
    this.bitsOut = Math.round((this.bytesOut - samples[oldest + 2]!) * perSecond);
  }

  #keep(now: number): void {
    const at = this.#next;
    this.#samples[at] = now;
    this.#samples[at + 1] = this.bytesIn;
    this.#samples[at + 2] = this.bytesOut;
    this.#next = (at + SAMPLE) % (STEPS * SAMPLE);
  }
}
