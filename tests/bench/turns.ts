// Relays that carry load in turns of part of a second: what else happens on a machine, which makes one
// second twice as expensive as another, then meets all of them. Linux only.

import { letRun, median } from "./comparing.ts";
import { cpuSeconds } from "./process_figures.ts";

/** What a load has measured in one turn. */
export interface TurnFigures {
  /** Bytes or packets that came out of the relay. */
  readonly received: number;
  /** Milliseconds through the relay. */
  readonly p50: number;
  readonly p99: number;
}

/** A load that is at rest outside its turns. */
export interface RestingLoad<Figures extends TurnFigures> {
  /** Begins a turn. */
  start(): Promise<void>;
  /** Ends a turn once everything has come out. */
  stop(): Promise<Figures>;
}

/** A relay with its load. */
export interface Contender<Figures extends TurnFigures> {
  /** The process of the relay. */
  readonly pid: number;
  readonly load: RestingLoad<Figures>;
}

/** A turn with its cost: CPU seconds of the relay for each byte or packet received. */
export type Turn<Figures extends TurnFigures> = Figures & { readonly cost: number };

/** Milliseconds of a turn. */
const TURN_MS = 500;
/** Milliseconds of load before it: a relay that has rested may not know yet that it is busy. */
const LEAD_MS = 200;

/** @returns the turns of each contender, in their order */
export async function takeTurns<Figures extends TurnFigures>(
  contenders: readonly Contender<Figures>[],
  seconds: number,
): Promise<readonly (readonly Turn<Figures>[])[]> {
  const turns = contenders.map((): Turn<Figures>[] => []);
  for (let left = seconds * 1_000; left > 0; left -= TURN_MS) {
    for (const [at, { pid, load }] of contenders.entries()) {
      await carry(load, LEAD_MS);
      const before = cpuSeconds(pid);
      const figures = await carry(load, TURN_MS);
      const used = cpuSeconds(pid) - before;
      turns[at]!.push({ ...figures, cost: used / figures.received });
    }
  }
  return turns;
}

async function carry<Figures extends TurnFigures>(
  load: RestingLoad<Figures>,
  milliseconds: number,
): Promise<Figures> {
  await load.start();
  await letRun(milliseconds);
  return await load.stop();
}

/** What one contender costs relative to another. */
export interface Ratio {
  /** Each turn relative to the other's next to it, the median: what a turn costs. */
  readonly typical: number;
  /** All turns together, also those in which a compiler or a garbage collector ran; not what ran in rests. */
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
