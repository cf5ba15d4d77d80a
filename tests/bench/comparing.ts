// Shared by the benchmarks: alternating rounds, CPU per gigabyte, and printing figures.

import { cpuSeconds } from "./process_figures.ts";

const ROUND_MS = 6000;
const WARM_UP_MS = 3000;
const ROUNDS = 5;

/** Printed at the start of a benchmark: how long each figure was measured. */
export const ROUNDS_TEXT = `${ROUNDS} rounds of ${ROUND_MS / 1000} s each`;

/** A measured relay: where it listens, and its process. */
export interface Relay {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

export function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Lets things run for a while: benchmarks measure over time. */
export function letRun(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * CPU seconds that a relay uses per gigabyte, under load and with a warm JIT compiler.
 *
 * @param moved the bytes that it has moved so far
 */
export async function costOf(relay: Relay, moved: () => Promise<number>): Promise<number> {
  await letRun(WARM_UP_MS);
  const [cpu, before] = [cpuSeconds(relay.pid), await moved()];
  await letRun(ROUND_MS);
  const gigabytes = (await moved() - before) / 1e9;
  return (cpuSeconds(relay.pid) - cpu) / gigabytes;
}

/**
 * Measures relays alternately, so that other load on the machine affects both, and prints their
 * medians and the ratio of these.
 */
export async function compare<Measured extends Relay>(
  title: string,
  relays: readonly [Measured, Measured],
  round: (relay: Measured) => Promise<number>,
): Promise<void> {
  const figures = new Map<Measured, number[]>(relays.map((relay) => [relay, []]));
  for (let i = 0; i < ROUNDS; i++) {
    for (const relay of relays) figures.get(relay)!.push(await round(relay));
  }
  const [ours, other] = relays.map((relay) => median(figures.get(relay)!));
  const shown = [ours!, other!].map((cost, i) => `${relays[i]!.name} ${cost.toFixed(2)} s/GB`);
  say(`${title}: ${shown.join(", ")}, ratio ${(ours! / other!).toFixed(2)} (bound 1.30)`);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
