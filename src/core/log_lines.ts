// Formats one log record as a line. Records may contain text from strangers: no value can forge a field or
// a line, control a terminal, reverse the text around it, or fill the log by its length.

import { getJsonLinesFormatter, type LogRecord } from "@logtape/logtape";
import { escapeHidden } from "./visible_text.ts";

/** JSON lines for machines, short lines for people. */
export type LogFormat = "json" | "text";

/** Most characters of one value. */
const LONGEST_VALUE = 1024;

/** Formats a record as a line, with its line break. */
export function lineFormatter(format: LogFormat): (record: LogRecord) => string {
  const line = format === "json" ? formatJson : formatText;
  return (record) => `${line(shortened(record))}\n`;
}

const FORMAT_JSON = getJsonLinesFormatter({ message: "template", properties: "flatten" });

function formatJson(record: LogRecord): string {
  return escapeHidden(FORMAT_JSON(record).slice(0, -1));
}

/** `2026-01-31T12:00:00.000Z INFO registry: Origin registered origin=a1 ip=10.0.0.1` */
function formatText(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  const message = String(record.rawMessage);
  const fields = Object.entries(record.properties)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${formatValue(value)}`);
  const category = record.category.join(".");
  return `${time} ${record.level.toUpperCase()} ${category}: ${message}${fields.join("")}`;
}

/** Quotes values that are not plain words. */
function formatValue(value: unknown): string {
  const isObject = typeof value === "object" && value !== null;
  const text = shorten(isObject ? formatObject(value) : String(value));
  return /^[\w.:/@+[\]-]+$/.test(text) ? text : escapeHidden(JSON.stringify(text));
}

function formatObject(value: object): string {
  if (!(value instanceof Error)) return JSON.stringify(value);
  const cause = value.cause === undefined ? "" : `: ${formatCause(value.cause)}`;
  return `${value.name}: ${value.message}${cause}`;
}

function formatCause(cause: unknown): string {
  return cause instanceof Error ? formatObject(cause) : String(cause);
}

function shortened(record: LogRecord): LogRecord {
  const isLong = (value: unknown) => typeof value === "string" && value.length > LONGEST_VALUE;
  if (!Object.values(record.properties).some(isLong)) return record;
  const properties = Object.entries(record.properties).map(([name, value]) => {
    return [name, typeof value === "string" ? shorten(value) : value];
  });
  return { ...record, properties: Object.fromEntries(properties) };
}

function shorten(text: string): string {
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE)}…`;
}
