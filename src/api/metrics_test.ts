import assert from "node:assert/strict";
import { ProcessClock, VirtualClock } from "../../tests/support/virtual_clock.ts";
import { type MetricName, METRICS, seriesOf } from "../core/metric_table.ts";
import type { Metrics } from "../core/contracts.ts";
import { PrometheusMetrics } from "./metrics.ts";

async function linesOf(metrics: PrometheusMetrics): Promise<string[]> {
  return (await metrics.expose()).text.split("\n");
}

async function valueOf(metrics: PrometheusMetrics, name: string): Promise<number> {
  const line = (await linesOf(metrics)).find((text) => text.startsWith(`${name} `));
  assert.ok(line, name);
  return Number(line.split(" ")[1]);
}

Deno.test("counters add up, by label", async () => {
  const metrics = new PrometheusMetrics();
  metrics.count("srs_proxy_rtmp_sessions_opened_total", { intent: "publish" });
  metrics.count("srs_proxy_rtmp_sessions_opened_total", { intent: "publish" });
  metrics.count("srs_proxy_rtmp_relay_bytes_total", {
    direction: "from_clients",
    path: "untouched",
  }, 500);
  const lines = await linesOf(metrics);
  assert.ok(lines.includes('srs_proxy_rtmp_sessions_opened_total{intent="publish"} 2'));
  const bytes = 'srs_proxy_rtmp_relay_bytes_total{direction="from_clients",path="untouched"} 500';
  assert.ok(lines.includes(bytes));
});

Deno.test("a gauge holds what was set last", async () => {
  const metrics = new PrometheusMetrics();
  metrics.gauge("srs_proxy_origins", 5);
  metrics.gauge("srs_proxy_origins", 3);
  assert.equal(await valueOf(metrics, "srs_proxy_origins"), 3);
});

Deno.test("a histogram counts durations up to each of its bounds", async () => {
  const metrics = new PrometheusMetrics();
  const name = "srs_proxy_registry_wait_seconds";
  for (const seconds of [0.0002, 0.19, 0.3]) {
    metrics.observe(name, seconds, { operation: "resolve" });
  }
  const lines = await linesOf(metrics);
  assert.ok(lines.includes(`${name}_bucket{le="0.001",operation="resolve"} 1`));
  assert.ok(lines.includes(`${name}_bucket{le="0.2",operation="resolve"} 2`));
  assert.ok(lines.includes(`${name}_count{operation="resolve"} 3`));
});

Deno.test("every declared name is exposed with its help and its kind", async () => {
  const lines = await linesOf(new PrometheusMetrics());
  for (const [name, { kind, help }] of Object.entries(METRICS)) {
    assert.match(name, /^srs_proxy_[a-z_]+$/);
    assert.equal(name.endsWith("_total"), kind === "counter", name);
    assert.ok(lines.includes(`# HELP ${name} ${help}`), name);
    assert.ok(lines.includes(`# TYPE ${name} ${kind}`), name);
  }
});

// Undeclared metrics and labels must not compile. Never called: the compiler complains about each line
// where it finds no error.
void ((metrics: Metrics) => {
  const opened = "srs_proxy_rtmp_sessions_opened_total";
  const wait = "srs_proxy_registry_wait_seconds";
  // @ts-expect-error: no such name
  metrics.count("srs_proxy_unknown_total");
  // @ts-expect-error: no such name
  metrics.gauge("srs_proxy_unknown", 1);
  // @ts-expect-error: a gauge
  metrics.count("srs_proxy_origins");
  // @ts-expect-error: a counter
  metrics.gauge("srs_proxy_registry_picks_total", 1);
  // @ts-expect-error: a gauge
  metrics.observe("srs_proxy_origins", 1, {});
  // @ts-expect-error: no label
  metrics.count(opened);
  // @ts-expect-error: no label
  metrics.count(opened, {});
  // @ts-expect-error: no label
  metrics.observe(wait, 1);
  // @ts-expect-error: one label of two
  metrics.count("srs_proxy_srt_sessions_closed_total", { intent: "play" });
  // @ts-expect-error: another label
  metrics.count(opened, { reason: "publish" });
  // @ts-expect-error: one label too many
  metrics.count(opened, { intent: "publish", reason: "publish" });
  // @ts-expect-error: a label where there is none
  metrics.count("srs_proxy_registry_picks_total", { a: "b" });
  // @ts-expect-error: another value
  metrics.count(opened, { intent: "record" });
  // @ts-expect-error: another value
  metrics.observe(wait, 1, { operation: "sweep" });
});

Deno.test("a label's value cannot forge a line", async () => {
  const metrics = new PrometheusMetrics();
  // @ts-expect-error: only declared values compile
  metrics.count("srs_proxy_rtmp_refused_total", { reason: 'x"} 1\nforged 1' });
  assert.equal((await linesOf(metrics)).filter((line) => line.startsWith("forged")).length, 0);
});

Deno.test("memory and CPU time of the process are read at every exposition", async () => {
  const metrics = new PrometheusMetrics();
  assert.ok(await valueOf(metrics, "process_resident_memory_bytes") > 1e6);
  const before = await valueOf(metrics, "process_cpu_seconds_total");
  const start = performance.now();
  while (performance.now() - start < 30);
  const spent = await valueOf(metrics, "process_cpu_seconds_total") - before;
  assert.ok(spent > 0 && spent < 10, `${spent} s`);
});

Deno.test("two sets of metrics share nothing", async () => {
  const [one, two] = [new PrometheusMetrics(), new PrometheusMetrics()];
  one.gauge("srs_proxy_origins", 5);
  assert.equal(await valueOf(two, "srs_proxy_origins"), 0);
});

Deno.test("the media type is that of the text format", async () => {
  const { contentType } = await new PrometheusMetrics().expose();
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
});

Deno.test("every series exists from the start, at 0", async () => {
  const lines = await linesOf(new PrometheusMetrics());
  for (const [name, { labels, kind }] of Object.entries(METRICS)) {
    const series = seriesOf(name as MetricName);
    // Series of lanes appear together with the lanes.
    if (Object.keys(labels).includes("lane")) continue;
    assert.deepEqual(Object.keys(series[0]!), Object.keys(labels), name);
    for (const each of series) {
      const shown = Object.entries(each).map(([label, value]) => `${label}="${value}"`).join(",");
      const full = kind === "histogram" ? `${name}_count` : name;
      const line = shown === "" ? `${full} 0` : `${full}{${shown}} 0`;
      assert.ok(lines.includes(line), line);
    }
  }
  for (const [name, { labels }] of Object.entries(METRICS)) {
    for (const list of Object.values<readonly string[]>(labels)) {
      assert.equal(new Set(list).size, list.length, `${name} has a value twice`);
    }
  }
});

Deno.test("one word for one direction, whatever the protocol", () => {
  for (const { labels } of Object.values(METRICS)) {
    if ("direction" in labels) assert.deepEqual(labels.direction, ["from_clients", "from_origins"]);
  }
});

Deno.test("the process reports its version, start time and descriptors, if known", async () => {
  const metrics = new PrometheusMetrics({
    ...{ version: "1.2.3", commit: "abc" },
    descriptors: () => ({ open: 17, limit: undefined }),
  });
  const lines = await linesOf(metrics);
  assert.ok(lines.includes('srs_proxy_build_info{version="1.2.3",commit="abc"} 1'));
  assert.ok(lines.includes("process_open_fds 17"));
  assert.ok(!lines.some((line) => line.startsWith("process_max_fds ")));
  const age = Date.now() / 1000 - await valueOf(metrics, "process_start_time_seconds");
  assert.ok(age >= 0 && age < 3_600, `${age}`);
});

Deno.test("a blocked event loop shows as lag", async () => {
  const metrics = new PrometheusMetrics();
  const world = new VirtualClock();
  const clock = new ProcessClock(world);
  using _watch = metrics.watchEventLoop(clock);
  const name = "srs_proxy_event_loop_lag_seconds";
  await world.pass(2_000);
  assert.equal(await valueOf(metrics, `${name}_sum`), 0);
  clock.pause();
  await world.pass(1_800);
  clock.resume();
  await world.pass(0);
  assert.equal(await valueOf(metrics, `${name}_sum`), 0.8);
});
