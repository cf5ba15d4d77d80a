// Bit rates as the System API shows them: the same names wherever there are any.

import type { Flowed } from "../core/flow_meter.ts";

/** Bits a second; "in" is from clients and so to an origin, "out" is from it and to them. */
export interface RatesAnswer {
  readonly bit_rate_in: number;
  readonly bit_rate_out: number;
}

export function ratesOf({ bitsIn, bitsOut }: Pick<Flowed, "bitsIn" | "bitsOut">): RatesAnswer {
  return { bit_rate_in: bitsIn, bit_rate_out: bitsOut };
}
