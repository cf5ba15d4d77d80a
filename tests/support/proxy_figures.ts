// What a proxy has and uses, from /metrics and from the system. Linux only.

import { fetchText } from "./origin_server.ts";
import type { Proxy } from "./proxy.ts";

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
