// The program's metrics for Prometheus (text format 0.0.4); a table declares all of them. Knows nothing of
// what is counted. No label contains a stream, an origin or a client: the number of series is fixed.

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../core/clock.ts";
import type { Metrics } from "../core/contracts.ts";
import { BUCKETS, type MetricName, METRICS, seriesOf } from "../core/metric_table.ts";
import { declareProcess, type ProcessFigures, watchEventLoop } from "./process_metrics.ts";

type Labels = Readonly<Record<string, string>>;

const NO_FIGURES: ProcessFigures = { version: "", commit: "", descriptors: () => ({}) };

/** The metrics as text, with its media type. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** The metrics of one program; instances share nothing. */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  #worstLag = 0;

  /** @param figures of the process, if they are to be exposed */
  constructor(figures: ProcessFigures = NO_FIGURES) {
    for (const name of Object.keys(METRICS) as MetricName[]) this.#declare(name);
    declareProcess(this.#registry, figures);
  }

  readonly count: Metrics["count"] = (name: string, labels: Labels = {}, by = 1) => {
    this.#counters.get(name)!.inc(labels, by);
  };

  readonly gauge: Metrics["gauge"] = (name: string, value: number, labels: Labels = {}) => {
    this.#gauges.get(name)!.set(labels, value);
  };

  readonly observe: Metrics["observe"] = (name: string, seconds: number, labels: Labels) => {
    this.#histograms.get(name)!.observe(labels, seconds);
  };

  /** Watches the event loop until the result is disposed of. */
  watchEventLoop(clock: Clock): Disposable {
    const histogram = this.#histograms.get("srs_proxy_event_loop_lag_seconds")!;
    return watchEventLoop(clock, (seconds) => {
      histogram.observe(seconds);
      this.#worstLag = Math.max(this.#worstLag, seconds);
    });
  }

  /** The longest lag of the event loop since the last call, seconds. */
  takeWorstLag(): number {
    const worst = this.#worstLag;
    this.#worstLag = 0;
    return worst;
  }

  /** The sum of a counter over the series that have these labels. */
  async sum(name: MetricName<"counter">, labels: Labels = {}): Promise<number> {
    const { values } = await this.#counters.get(name)!.get();
    const wanted = Object.entries(labels);
    return values
      .filter((series) => wanted.every(([label, value]) => series.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** Everything as it is now. */
  async expose(): Promise<Exposition> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  /** Creates a series at 0. */
  #begin(name: MetricName, labels: Labels): void {
    this.#counters.get(name)?.inc(labels, 0);
    this.#gauges.get(name)?.set(labels, 0);
    this.#histograms.get(name)?.zero(labels);
  }

  #declare(name: MetricName): void {
    const { kind, help, labels } = METRICS[name];
    const options = { name, help, labelNames: Object.keys(labels), registers: [this.#registry] };
    if (kind === "counter") this.#counters.set(name, new Counter(options));
    else if (kind === "gauge") this.#gauges.set(name, new Gauge(options));
    else this.#histograms.set(name, new Histogram({ ...options, buckets: [...BUCKETS] }));
    for (const series of seriesOf(name)) this.#begin(name, series);
  }
}
