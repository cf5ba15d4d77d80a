// What is logged and where it goes. The rest of the program just gets a logger and gives it a
// constant text and fields. What may be logged (never tokens, SDP or passwords) is up to the
// caller. One configuration per process, since LogTape has one.

import { AsyncLocalStorage } from "node:async_hooks";
import {
  configure,
  getLogger,
  type Logger,
  type LogRecord,
  reset,
  withContext,
} from "@logtape/logtape";
import { lineFormatter, type LogFormat } from "./log_lines.ts";
import { RepeatedFailures } from "./repeated_failures.ts";

export type { LogFormat, Logger };

/** Lowest level that is written. */
export type LogLevel = "debug" | "info" | "warning" | "error";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one line with its line break; called synchronously, so it must not wait. */
  readonly write: (line: string) => void;
  /** How often repeated failures are reported, milliseconds; 10 s by default. */
  readonly countsEvery?: number;
}

const COUNTS_EVERY = 10_000;
const MAX_KINDS = 256;

/** One for good: whoever runs inside `withLogFields` keeps the fields when the level changes. */
const FIELDS = new AsyncLocalStorage<Record<string, unknown>>();

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
  const timer = setInterval(tellCounts, options.countsEvery ?? COUNTS_EVERY);
  return {
    setLevel: (level) => direct(sink, level),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
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
    contextLocalStorage: FIELDS,
  });
}

/** The logger of one part of the program, such as "registry". */
export function logger(category: string): Logger {
  return getLogger([category]);
}

/** Runs a callback whose log lines, across awaits too, carry these fields. */
export function withLogFields<T>(fields: Record<string, unknown>, callback: () => T): T {
  return withContext(fields, callback);
}
