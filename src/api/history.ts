// The proxy's traffic in the last quarter of an hour, so that charts are full at once: a ring of samples,
// each of them the changes since the previous one. Knows the names of the metrics, but neither sockets nor
// pages.

import type { Clock } from "../core/clock.ts";
import type { MetricName } from "../core/metric_table.ts";

/** Where samples are taken from. */
export interface HistorySource {
  /** The sum of a counter over the series that have these labels. */
  sum(name: MetricName<"counter">, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** The longest delay of a timer of the main thread since the last call, seconds. */
  takeWorstLag(): number;
}

export interface HistoryOptions {
  readonly clock: Clock;
  readonly source: HistorySource;
  /** Updates the counters of other threads. */
  readonly refresh: () => Promise<void>;
}

/** The samples by column, oldest first. Rates are per second. */
export interface HistoryColumns {
  /** The age of each sample. */
  readonly seconds_ago: readonly number[];
  readonly bits_from_clients: readonly number[];
  readonly bits_from_origins: readonly number[];
  readonly publishers: readonly number[];
  readonly viewers: readonly number[];
  readonly new_streams: readonly number[];
  readonly refused_clients: readonly number[];
  readonly failed_dials: readonly number[];
  readonly loop_lag_ms: readonly number[];
}

/** Running totals at one moment, except publishers and viewers, which are current numbers. */
interface Totals {
  readonly at: number;
  readonly bytesFromClients: number;
  readonly bytesFromOrigins: number;
  readonly publishers: number;
  readonly viewers: number;
  readonly newStreams: number;
  readonly refused: number;
  readonly failedDials: number;
}

/** What was measured between two moments. */
interface Sample extends Totals {
  readonly lagMs: number;
}

/** Milliseconds between two samples. */
const PERIOD = 5_000;
/** Number of samples kept: a quarter of an hour. */
const KEPT = 180;
const FAILED_DIALS = ["origin_unreachable", "origin_timeout", "origin_gone"] as const;
const REFUSED = [
  ...["srs_proxy_rtmp_refused_total", "srs_proxy_http_refused_total"] as const,
  ...["srs_proxy_srt_refused_total", "srs_proxy_rtc_refused_total"] as const,
];

/** The ring; disposing of it stops its timer. */
export class History implements Disposable {
  readonly #options: HistoryOptions;
  readonly #timer: Disposable;
  readonly #samples: Sample[] = [];
  #before: Totals | undefined;
  #isBusy = false;

  private constructor(options: HistoryOptions) {
    this.#options = options;
    this.#timer = options.clock.every(PERIOD, () => void this.#sample());
  }

  static open(options: HistoryOptions): History {
    const history = new History(options);
    void history.#sample();
    return history;
  }

  columns(): HistoryColumns {
    const now = this.#options.clock.now();
    const column = (of: (sample: Sample) => number) => this.#samples.map(of);
    return {
      seconds_ago: column(({ at }) => Math.round((now - at) / 100) / 10),
      bits_from_clients: column(({ bytesFromClients }) => Math.round(bytesFromClients * 8)),
      bits_from_origins: column(({ bytesFromOrigins }) => Math.round(bytesFromOrigins * 8)),
      publishers: column(({ publishers }) => publishers),
      viewers: column(({ viewers }) => viewers),
      new_streams: column(({ newStreams }) => rounded(newStreams)),
      refused_clients: column(({ refused }) => rounded(refused)),
      failed_dials: column(({ failedDials }) => rounded(failedDials)),
      loop_lag_ms: column(({ lagMs }) => rounded(lagMs)),
    };
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  /** A thread that does not answer delays a sample; no other is taken in the meantime. */
  async #sample(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      await this.#options.refresh();
      const now = await totalsOf(this.#options.source, this.#options.clock.now());
      const lagMs = this.#options.source.takeWorstLag() * 1_000;
      if (this.#before) this.#samples.push({ ...change(this.#before, now), lagMs });
      this.#before = now;
      if (this.#samples.length > KEPT) this.#samples.shift();
    } finally {
      this.#isBusy = false;
    }
  }
}

function change(before: Totals, now: Totals): Totals {
  const seconds = (now.at - before.at) / 1_000;
  const rate = (of: (totals: Totals) => number) => (of(now) - of(before)) / seconds;
  return {
    ...now,
    bytesFromClients: rate(({ bytesFromClients }) => bytesFromClients),
    bytesFromOrigins: rate(({ bytesFromOrigins }) => bytesFromOrigins),
    newStreams: rate(({ newStreams }) => newStreams),
    refused: rate(({ refused }) => refused),
    failedDials: rate(({ failedDials }) => failedDials),
  };
}

async function totalsOf(source: HistorySource, at: number): Promise<Totals> {
  const sumOf = async (values: readonly Promise<number>[]) => {
    return (await Promise.all(values)).reduce((sum, value) => sum + value, 0);
  };
  const bytes = (direction: "from_clients" | "from_origins") => [
    source.sum("srs_proxy_rtmp_relay_bytes_total", { direction }),
    source.sum("srs_proxy_srt_relay_bytes_total", { direction }),
    source.sum("srs_proxy_rtc_relay_bytes_total", { direction }),
  ];
  const http = source.sum("srs_proxy_http_relay_bytes_total");
  const dials = FAILED_DIALS.map((result) => {
    return source.sum("srs_proxy_origin_dials_total", { result });
  });
  const viewersOverHttp = await source.sum("srs_proxy_http_sessions_opened_total") -
    await source.sum("srs_proxy_http_sessions_closed_total");
  return {
    at,
    bytesFromClients: await sumOf(bytes("from_clients")),
    bytesFromOrigins: await sumOf([...bytes("from_origins"), http]),
    publishers: await sumOf(openSessions(source, "publish")),
    viewers: viewersOverHttp + await sumOf(openSessions(source, "play")),
    newStreams: await source.sum("srs_proxy_registry_picks_total"),
    refused: await sumOf(REFUSED.map((name) => source.sum(name))),
    failedDials: await sumOf(dials),
  };
}

/** Sessions opened minus sessions closed. */
function openSessions(source: HistorySource, intent: "publish" | "play"): Promise<number>[] {
  return (["rtmp", "srt", "rtc"] as const).map(async (protocol) => {
    const opened = await source.sum(`srs_proxy_${protocol}_sessions_opened_total`, { intent });
    return opened - await source.sum(`srs_proxy_${protocol}_sessions_closed_total`, { intent });
  });
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
