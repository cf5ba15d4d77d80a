import assert from "node:assert/strict";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { History } from "./history.ts";
import { PrometheusMetrics } from "./metrics.ts";

const SECOND = 1_000;

function openHistory(refresh = () => Promise.resolve()) {
  const clock = new VirtualClock();
  const metrics = new PrometheusMetrics();
  return { clock, metrics, history: History.open({ clock, source: metrics, refresh }) };
}

Deno.test("a sample has the rates since the previous one, and the open sessions", async () => {
  const { clock, metrics, history } = openHistory();
  using _history = history;
  const play = { intent: "play" } as const;
  await clock.pass(SECOND);
  const rewritten = { direction: "from_clients", path: "rewritten" } as const;
  metrics.count("srs_proxy_rtmp_relay_bytes_total", rewritten, 4_000);
  metrics.count("srs_proxy_srt_relay_bytes_total", { direction: "from_clients" }, 1_000);
  metrics.count("srs_proxy_http_relay_bytes_total", { kind: "live" }, 10_000);
  metrics.count("srs_proxy_rtmp_sessions_opened_total", { intent: "publish" });
  metrics.count("srs_proxy_rtmp_sessions_opened_total", play, 3);
  metrics.count("srs_proxy_rtmp_sessions_closed_total", { ...play, reason: "kicked" });
  metrics.count("srs_proxy_http_sessions_opened_total");
  metrics.count("srs_proxy_registry_picks_total", {}, 2);
  metrics.count("srs_proxy_rtmp_refused_total", { reason: "no_origin" }, 10);
  metrics.count("srs_proxy_origin_dials_total", { protocol: "rtmp", result: "reached" }, 9);
  metrics.count("srs_proxy_origin_dials_total", { protocol: "rtmp", result: "origin_timeout" }, 5);
  await clock.pass(6 * SECOND);
  assert.deepEqual(history.columns(), {
    seconds_ago: [2],
    bits_from_clients: [8_000],
    bits_from_origins: [16_000],
    publishers: [1],
    viewers: [3],
    new_streams: [0.4],
    refused_clients: [2],
    failed_dials: [1],
    loop_lag_ms: [0],
  });
  await clock.pass(3 * SECOND);
  const { seconds_ago, bits_from_clients, publishers } = history.columns();
  assert.deepEqual({ seconds_ago, bits_from_clients, publishers }, {
    seconds_ago: [5, 0],
    bits_from_clients: [8_000, 0],
    publishers: [1, 1],
  });
});

Deno.test("a quarter of an hour is kept, however long the program runs", async () => {
  const { clock, history } = openHistory();
  using _history = history;
  await clock.pass(3_600 * SECOND);
  const columns = Object.values(history.columns());
  for (const column of columns) assert.equal(column.length, 180);
  assert.equal(history.columns().seconds_ago[0], 895);
});

Deno.test("a thread that does not answer costs samples, not memory", async () => {
  const asked: (() => void)[] = [];
  const { clock, history } = openHistory(() => new Promise((resolve) => asked.push(resolve)));
  using _history = history;
  await clock.pass(60 * SECOND);
  assert.equal(asked.length, 1);
  asked[0]!();
  await clock.pass(5 * SECOND);
  assert.equal(asked.length, 2);
});

Deno.test("the worst lag of the event loop between two samples is shown", async () => {
  const { clock, metrics, history } = openHistory();
  using _history = history;
  let behind = 0;
  using _watch = metrics.watchEventLoop({
    now: () => clock.now() + behind,
    after: (delay, callback) => clock.after(delay, callback),
    every: (period, callback) => clock.every(period, callback),
  });
  await clock.pass(6 * SECOND);
  behind = 130;
  await clock.pass(9 * SECOND);
  assert.deepEqual(history.columns().loop_lag_ms, [0, 130, 0]);
});
