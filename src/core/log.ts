// How log lines look and where they go. The rest of the program only asks for a logger and gives
// it a constant text and fields. What may be logged (never tokens, SDP or passwords) is up to the
// caller. One configuration per process, since LogTape has one.

import { AsyncLocalStorage } from "node:async_hooks";
import {
  configure,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
  type LogRecord,
  reset,
  withContext,
} from "@logtape/logtape";

export type { Logger };

/** Least important level that is written. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** JSON lines for machines, short lines for people. */
export type LogFormat = "json" | "text";

/** What to write and how. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one line with its line break; called synchronously. */
  readonly write: (line: string) => void;
}

/** One for good: whoever runs inside `withLogFields` keeps the fields when the level changes. */
const FIELDS = new AsyncLocalStorage<Record<string, unknown>>();

/** Starts logging; before it, and after the result is disposed of, log lines go nowhere. */
export async function configureLog(options: LogOptions): Promise<AsyncDisposable> {
  const format = options.format === "json" ? FORMAT_JSON : formatText;
  await configure({
    reset: true,
    sinks: { lines: (record) => options.write(format(record)) },
    loggers: [
      { category: [], lowestLevel: options.level, sinks: ["lines"] },
      // LogTape's own news, of which only trouble matters here.
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["lines"] },
    ],
    contextLocalStorage: FIELDS,
  });
  return { [Symbol.asyncDispose]: () => reset() };
}

/** The logger of one part of the program, such as "registry". */
export function logger(category: string): Logger {
  return getLogger([category]);
}

/** Calls back so that every line logged meanwhile, over awaits too, carries these fields. */
export function withLogFields<T>(fields: Record<string, unknown>, callback: () => T): T {
  return withContext(fields, callback);
}

const FORMAT_JSON = getJsonLinesFormatter({ message: "template", properties: "flatten" });

/** `2026-01-31T12:00:00.000Z INFO registry: Origin registered origin=a1 ip=10.0.0.1` */
function formatText(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  const message = String(record.rawMessage);
  const fields = Object.entries(record.properties)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${formatValue(value)}`);
  const category = record.category.join(".");
  return `${time} ${record.level.toUpperCase()} ${category}: ${message}${fields.join("")}\n`;
}

/** Quotes whatever is not plain, so that no value can forge a field or a line. */
function formatValue(value: unknown): string {
  const text = typeof value === "object" && value !== null ? formatObject(value) : String(value);
  return /^[\w.:/@+[\]-]+$/.test(text) ? text : JSON.stringify(text);
}

function formatObject(value: object): string {
  if (!(value instanceof Error)) return JSON.stringify(value);
  const cause = value.cause === undefined ? "" : `: ${formatCause(value.cause)}`;
  return `${value.name}: ${value.message}${cause}`;
}

function formatCause(cause: unknown): string {
  return cause instanceof Error ? formatObject(cause) : String(cause);
}
