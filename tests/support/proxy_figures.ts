// What a proxy has and uses, as it tells itself in /metrics and as the system counts it. Linux only.

import { fetchText } from "./origin_server.ts";
import type { Proxy } from "./proxy.ts";

/** The sum of all series whose lines begin so. */
export async function sumOf(proxy: Proxy, begin: string): Promise<number> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  return text.split("\n").filter((line) => line.startsWith(begin))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** What a metric with the label `lane` is for each of so many lanes. */
export async function ofEachLane(proxy: Proxy, name: string, lanes: number): Promise<number[]> {
  const text = await fetchText(proxy.systemUrl("/metrics"));
  return Array.from({ length: lanes }, (_, at) => {
    const series = `${name}{lane="${at + 1}"} `;
    const line = text.split("\n").find((one) => one.startsWith(series));
    return Number(line?.slice(series.length) ?? 0);
  });
}

/** Descriptors that are open. */
export function descriptorsOf({ process }: Proxy): number {
  return [...Deno.readDirSync(`/proc/${process.pid}/fd`)].length;
}

/** Memory in use, MiB. */
export function megabytesOf({ process }: Proxy): number {
  const status = Deno.readTextFileSync(`/proc/${process.pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}
