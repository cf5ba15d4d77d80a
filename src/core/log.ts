// What is logged and where it goes. The rest of the program just gets a logger and gives it a
// constant text and fields. What may be logged (never tokens, SDP or passwords) is up to the
// caller. One configuration per process, since LogTape has one.

import { configure, getLogger, type Logger, type LogRecord, reset } from "@logtape/logtape";
import { type Clock, systemClock } from "./clock.ts";
import { lineFormatter, type LogFormat } from "./log_lines.ts";
import { RepeatedFailures } from "./repeated_failures.ts";

export type { LogFormat };

/** Lowest level that is written. */
export type LogLevel = "debug" | "info" | "warning" | "error";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one line with its line break; called synchronously, so it must not wait. */
  readonly write: (line: string) => void;
  /** The process's own unless given. */
  readonly clock?: Clock;
}

/** How often it is told how many failures have repeated others, milliseconds. */
const COUNTS_EVERY = 10_000;
const MAX_KINDS = 256;

/** The log of the process while it is configured; disposing of it tells the last counts. */
export interface Log extends AsyncDisposable {
  /** Changes the least important level that is written. */
  setLevel(level: LogLevel): Promise<void>;
}

/**
 * Starts logging; before it, and after the result is disposed of, log lines go nowhere. A failure that
 * repeats another one, by its texts and codes, is counted, and the count is told from time to time.
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
      // LogTape's own news, of which only trouble matters here.
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["lines"] },
    ],
  });
}

/** The logger of one part of the program, such as "registry". */
export function logger(category: string): Logger {
  return getLogger([category]);
}
