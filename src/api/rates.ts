// Bit rates as the System API shows them, under the same names everywhere.

import type { Flowed } from "../core/flow_meter.ts";

/** Bits per second; "in" is from clients and so to an origin, "out" is from the origin and so to clients. */
export interface RatesAnswer {
  readonly bit_rate_in: number;
  readonly bit_rate_out: number;
}

export function ratesOf({ bitsIn, bitsOut }: Pick<Flowed, "bitsIn" | "bitsOut">): RatesAnswer {
  return { bit_rate_in: bitsIn, bit_rate_out: bitsOut };
}
