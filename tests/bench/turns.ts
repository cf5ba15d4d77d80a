// Relays that carry load in turns of part of a second: what else happens on a machine, which makes one
// second twice as expensive as another, then meets all of them. Linux only.

import { median } from "./comparing.ts";
import { cpuSeconds } from "./process_figures.ts";

/** What a load has measured in one turn. */
export interface TurnFigures {
  /** Bytes or packets that came out of the relay. */
  readonly received: number;
  /** Milliseconds through the relay. */
  readonly p50: number;
  readonly p99: number;
}

/** A relay with a load that is at rest outside its turns. */
export interface Contender<Figures extends TurnFigures> {
  /** The process of the relay. */
  readonly pid: number;
  /** Begins a turn. */
  start(): Promise<void>;
  /** Ends a turn once everything has come out. */
  stop(): Promise<Figures>;
}

/** A turn with its cost: CPU seconds of the relay for each byte or packet received. */
export type Turn<Figures extends TurnFigures> = Figures & { readonly cost: number };

/** Milliseconds of a turn. */
const TURN_MS = 500;

/** @returns the turns of each contender, in their order */
export async function takeTurns<Figures extends TurnFigures>(
  contenders: readonly Contender<Figures>[],
  seconds: number,
): Promise<readonly (readonly Turn<Figures>[])[]> {
  const turns = contenders.map((): Turn<Figures>[] => []);
  for (let left = seconds * 1_000; left > 0; left -= TURN_MS) {
    for (const [at, contender] of contenders.entries()) {
      const before = cpuSeconds(contender.pid);
      await contender.start();
      await new Promise((resolve) => setTimeout(resolve, TURN_MS));
      const figures = await contender.stop();
      const used = cpuSeconds(contender.pid) - before;
      turns[at]!.push({ ...figures, cost: used / figures.received });
    }
  }
  return turns;
}

/** What one contender costs relative to another. */
export interface Ratio {
  /** Each turn relative to the other's next to it, the median: what a turn costs. */
  readonly typical: number;
  /** All turns together, also those in which a compiler or a garbage collector ran. */
  readonly total: number;
}

export function ratioOf(
  one: readonly Turn<TurnFigures>[],
  other: readonly Turn<TurnFigures>[],
): Ratio {
  const typical = median(one.map(({ cost }, at) => cost / other[at]!.cost));
  return { typical, total: costOf(one) / costOf(other) };
}

function costOf(turns: readonly Turn<TurnFigures>[]): number {
  const used = turns.reduce((sum, { cost, received }) => sum + cost * received, 0);
  return used / turns.reduce((sum, { received }) => sum + received, 0);
}

/** A ratio for people. */
export function ratioText({ typical, total }: Ratio): string {
  return `${typical.toFixed(2)}, all turns together ${total.toFixed(2)}`;
}
