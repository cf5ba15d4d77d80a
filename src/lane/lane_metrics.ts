// A lane's metrics, collected here until the main thread asks, so that the amount sent does not grow with
// the number of events.

import type { Metrics } from "../core/contracts.ts";
import { BUCKETS } from "../core/metric_table.ts";
import type { Counted, Observed, SentMetrics } from "./messages.ts";

type Labels = Readonly<Record<string, string>>;

/** Collects metrics for the main thread. */
export class LaneMetrics implements Metrics {
  #counts = new Map<string, Counted>();
  #gauges = new Map<string, number>();
  #observed = new Map<string, Observed>();

  readonly count: Metrics["count"] = (name: string, labels?: Labels, by = 1) => {
    const key = keyOf(name, labels);
    this.#counts.set(key, { name, labels, by: (this.#counts.get(key)?.by ?? 0) + by });
  };

  readonly gauge: Metrics["gauge"] = (name: string, value: number) => {
    this.#gauges.set(name, value);
  };

  /** Observations in the same bucket are reported as their number and mean. */
  readonly observe: Metrics["observe"] = (name: string, seconds: number, labels: Labels) => {
    const bucket = BUCKETS.findIndex((end) => seconds <= end);
    const key = `${bucket} ${keyOf(name, labels)}`;
    const { times, seconds: mean } = this.#observed.get(key) ?? { times: 0, seconds: 0 };
    const next = mean + (seconds - mean) / (times + 1);
    const end = BUCKETS[bucket] ?? Infinity;
    this.#observed.set(key, { name, labels, times: times + 1, seconds: Math.min(next, end) });
  };

  /** What was collected since the last call; undefined if nothing was. */
  take(): SentMetrics | undefined {
    const [counts, gauges, observed] = [this.#counts, this.#gauges, this.#observed];
    if (counts.size + gauges.size + observed.size === 0) return undefined;
    [this.#counts, this.#gauges, this.#observed] = [new Map(), new Map(), new Map()];
    return { counts: [...counts.values()], gauges: [...gauges], observed: [...observed.values()] };
  }
}

function keyOf(name: string, labels: Labels = {}): string {
  return `${name} ${Object.values(labels).join(" ")}`;
}
