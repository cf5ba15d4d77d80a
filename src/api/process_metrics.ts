// What the process reports about itself under the usual Prometheus names: memory, CPU time, start, open
// descriptors, version, and how late its event loop is.

import process from "node:process";
import { Counter, Gauge, type Registry } from "prom-client";
import type { Clock } from "../core/clock.ts";

/** File descriptors open and allowed; undefined where the system does not say. */
export interface DescriptorFigures {
  readonly open?: number | undefined;
  readonly limit?: number | undefined;
}

/** Figures of the process that cannot be read here. */
export interface ProcessFigures {
  readonly version: string;
  /** Empty if unknown. */
  readonly commit: string;
  readonly descriptors: () => DescriptorFigures;
}

/** The declared names among our own metrics. */
export const PROCESS_METRICS: readonly string[] = [
  "srs_proxy_build_info",
  "srs_proxy_heap_used_bytes",
];

/** Milliseconds between measurements of the event loop. */
const LAG_PERIOD = 1_000;

/** Declares the figures; those that change are read at every exposition. */
export function declareProcess(registry: Registry, figures: ProcessFigures): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number | undefined) => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  };
  const { version, commit, descriptors } = figures;
  new Gauge({
    name: "srs_proxy_build_info",
    help: "1, with the version that runs and the commit that it was made of.",
    labelNames: ["version", "commit"],
    registers,
  }).set({ version, commit }, 1);
  const startedAt = performance.timeOrigin / 1000;
  gauge("process_start_time_seconds", "Start of the process, in Unix time.", () => startedAt);
  gauge("process_open_fds", "Open file descriptors.", () => descriptors().open);
  gauge("process_max_fds", "Maximum number of file descriptors.", () => descriptors().limit);
  gauge("process_resident_memory_bytes", "Resident memory size in bytes.", () => {
    return Deno.memoryUsage().rss;
  });
  gauge("srs_proxy_heap_used_bytes", "JavaScript heap in use, in bytes.", () => {
    return Deno.memoryUsage().heapUsed;
  });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "User and system CPU time spent, in seconds.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}

/** Reports how late timers are, until it is disposed of. */
export function watchEventLoop(clock: Clock, onLag: (seconds: number) => void): Disposable {
  let due = clock.now() + LAG_PERIOD;
  return clock.every(LAG_PERIOD, () => {
    const now = clock.now();
    onLag(Math.max(0, now - due) / 1000);
    due = now + LAG_PERIOD;
  });
}
