// Table columns for bit rates: in from clients, out to clients.

import type { RatesEntry } from "./shapes.ts";
import { bitRate } from "./units.ts";
import type { Column } from "./virtual_table.tsx";

export const RATE_COLUMNS: readonly Column<RatesEntry>[] = [
  rateColumn("in", "In", ({ bit_rate_in }) => bit_rate_in),
  rateColumn("out", "Out", ({ bit_rate_out }) => bit_rate_out),
];

/** A column for one rate, in bits per second. */
export function rateColumn<T>(key: string, title: string, rateOf: (row: T) => number): Column<T> {
  return { key, title, show: (row) => bitRate(rateOf(row)), sortBy: rateOf, isNumber: true };
}
