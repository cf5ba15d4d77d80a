// Configures what is logged and where it goes. The rest of the program gets a logger and gives it a
// constant text and fields; callers must never log tokens, SDP or passwords. One configuration per
// process, since LogTape has one.

import { configure, getLogger, type Logger, type LogRecord, reset } from "@logtape/logtape";
import { type Clock, systemClock } from "./clock.ts";
import { lineFormatter, type LogFormat } from "./log_lines.ts";
import { RepeatedFailures } from "./repeated_failures.ts";

export type { LogFormat };

/** The least important level that is written. */
export type LogLevel = "debug" | "info" | "warning" | "error";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one line with its line break; called synchronously, so it must not wait. */
  readonly write: (line: string) => void;
  /** The process's clock if absent. */
  readonly clock?: Clock;
}

/** Milliseconds between reports of how often failures were repeated. */
const COUNTS_EVERY = 10_000;
const MAX_KINDS = 256;

/** The log of the process while it is configured; disposing of it reports the last counts. */
export interface Log extends AsyncDisposable {
  /** Changes the least important level that is written. */
  setLevel(level: LogLevel): Promise<void>;
}

/**
 * Starts logging; before that, and after the result is disposed of, log lines go nowhere. Failures that
 * repeat an earlier one, by text and code, are counted, and the count is reported periodically.
 */
export async function configureLog(options: LogOptions): Promise<Log> {
  const format = lineFormatter(options.format);
  const repeated = new RepeatedFailures(MAX_KINDS);
  const write = (record: LogRecord) => options.write(format(record));
  const tellCounts = () => repeated.takeCounts(Date.now()).forEach(write);
  const sink = (record: LogRecord) => {
    if (repeated.isNews(record)) write(record);
  };
  await direct(sink, options.level);
  const timer = (options.clock ?? systemClock).every(COUNTS_EVERY, tellCounts);
  return {
    setLevel: (level) => direct(sink, level),
    async [Symbol.asyncDispose]() {
      timer[Symbol.dispose]();
      tellCounts();
      await reset();
    },
  };
}

async function direct(lines: (record: LogRecord) => void, level: LogLevel): Promise<void> {
  await configure({
    reset: true,
    sinks: { lines },
    loggers: [
      { category: [], lowestLevel: level, sinks: ["lines"] },
      // LogTape's messages about itself, of which only problems matter.
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["lines"] },
    ],
  });
}

/** The logger of one part of the program, such as "registry". */
export function logger(category: string): Logger {
  return getLogger([category]);
}
