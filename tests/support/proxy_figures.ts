// What a proxy has and uses, from /metrics and from the system. Linux only.

import assert from "node:assert/strict";
import { fetchText } from "./origin_server.ts";
import type { Proxy } from "./proxy.ts";
import { until } from "./wait.ts";

/**
 * Descriptors and MiB that a proxy may still hold when its clients have left; the heaps of three lanes grow
 * by 40 to 50.
 */
const MORE_DESCRIPTORS = 5;
const MORE_MEMORY = 80;

/** The sum of all series whose lines begin with `begin`. */
export async function sumOf(proxy: Proxy, begin: string): Promise<number> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  return text.split("\n").filter((line) => line.startsWith(begin))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** The values of a metric for each lane, by its label `lane`. */
export async function ofEachLane(proxy: Proxy, name: string, lanes: number): Promise<number[]> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  return Array.from({ length: lanes }, (_, at) => {
    const series = `${name}{lane="${at + 1}"} `;
    const line = text.split("\n").find((one) => one.startsWith(series));
    return Number(line?.slice(series.length) ?? 0);
  });
}

/** Number of open descriptors. */
export function descriptorsOf({ process }: Proxy): number {
  return [...Deno.readDirSync(`/proc/${process.pid}/fd`)].length;
}

/** Memory in use, MiB. */
export function megabytesOf({ process }: Proxy): number {
  const status = Deno.readTextFileSync(`/proc/${process.pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}

/** What a proxy uses of the machine. */
export interface Usage {
  readonly descriptors: number;
  /** MiB. */
  readonly memory: number;
}

export function usageOf(proxy: Proxy): Usage {
  return { descriptors: descriptorsOf(proxy), memory: megabytesOf(proxy) };
}

/** Fails unless a proxy is well, and has released what it has taken since `before`. */
export async function requireReleased(proxy: Proxy, before: Usage): Promise<void> {
  const { descriptors, memory } = before;
  await until(
    "all descriptors be free",
    () => descriptorsOf(proxy) <= descriptors + MORE_DESCRIPTORS,
    { describe: () => `${descriptorsOf(proxy)}, before ${descriptors}` },
  );
  const grown = megabytesOf(proxy) - memory;
  assert.ok(grown < MORE_MEMORY, `${grown} MiB more, beside ${memory} MiB`);
  assert.equal(await sumOf(proxy, "srs_proxy_lane_failures_total "), 0);
  assert.ok(await proxy.isReady());
}
