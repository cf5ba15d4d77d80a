// Shortens a failing history: removes events as long as it still fails in the same way, first many
// at once, then one by one, and shortens durations as far as possible.

import type { Event, History } from "./history.ts";
import { runHistory } from "./run.ts";

/** Most runs spent on one history. */
const MOST_RUNS = 600;

/** Finds a shorter history that breaks the same rule. */
export async function shrinkHistory(history: History, rule: string): Promise<History> {
  let runs = 0;
  const fails = async (events: readonly Event[]) => {
    if (runs++ >= MOST_RUNS) return false;
    return (await runHistory({ ...history, events })).violation?.rule === rule;
  };
  const events = await withoutNeedless(history.events, fails);
  return { ...history, events: await shorter(events, fails) };
}

type Fails = (events: readonly Event[]) => Promise<boolean>;

async function withoutNeedless(all: readonly Event[], fails: Fails): Promise<readonly Event[]> {
  let events = all;
  for (let size = Math.ceil(events.length / 2); size >= 1;) {
    let hasShrunk = false;
    for (let start = 0; start < events.length;) {
      const fewer = events.toSpliced(start, size);
      if (fewer.length < events.length && await fails(fewer)) {
        events = fewer;
        hasShrunk = true;
      } else {
        start += size;
      }
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (!hasShrunk) break;
  }
  return events;
}

async function shorter(all: readonly Event[], fails: Fails): Promise<readonly Event[]> {
  let events = all;
  for (let at = 0; at < events.length; at++) {
    for (;;) {
      const event = events[at]!;
      if (!("lasts" in event) || event.lasts < 100) break;
      const fewer = events.with(at, { ...event, lasts: Math.floor(event.lasts / 2) });
      if (!await fails(fewer)) break;
      events = fewer;
    }
  }
  return events;
}
