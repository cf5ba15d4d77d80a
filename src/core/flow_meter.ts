// How much has flowed between a client and its origin, and how fast of late: a few samples of two
// running totals. Costs nothing while bytes move; whoever counts them shows the totals from time to time.

/** Milliseconds between two samples, at least; a little less than two sweeps of a second. */
const STEP = 1_900;
/** So many steps make up the ten seconds over which a rate is taken. */
const STEPS = 5;
/** Numbers of a sample: its time, bytes in, bytes out. */
const SAMPLE = 3;
/** Before so many milliseconds a burst at the beginning would pass for a rate. */
const SOONEST = 1_000;

/** What has flowed; "in" is from the client, "out" is to it. */
export interface Flowed {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bits a second over the last ten seconds. */
  readonly bitsIn: number;
  readonly bitsOut: number;
}

/** Measures one flow. */
export class FlowMeter implements Flowed {
  bytesIn = 0;
  bytesOut = 0;
  bitsIn = 0;
  bitsOut = 0;
  /** A ring once it is full; the oldest is at `#next` then. */
  readonly #samples: number[];
  #next = SAMPLE;
  #lookedAt: number;

  /** @param now when it begins, with nothing; milliseconds of any clock */
  constructor(now: number) {
    this.#samples = [now, 0, 0];
    this.#lookedAt = now;
  }

  /**
   * Takes a sample unless it is too soon for one.
   *
   * @param bytesIn so far
   * @param bytesOut so far
   * @returns whether anything is now different
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
