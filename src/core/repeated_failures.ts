// Keeps repeated failures from filling the log: the first of a kind is logged, those that follow are
// counted, and the count is reported periodically. Knows no clock: its owner asks for the counts.

import type { LogRecord } from "@logtape/logtape";
import { ProxyError } from "./errors.ts";

interface Kind {
  /** The latest record, which is reported with the count. */
  last: LogRecord;
  /** Number of records since the last report. */
  count: number;
  /** Whether the kind first occurred since the last report. */
  isNew: boolean;
}

/** Most characters of a kind's name. */
const LONGEST_NAME = 256;
/** The kind of all failures for which there is no room. */
const OTHERS = "others";

export class RepeatedFailures {
  readonly #capacity: number;
  readonly #kinds = new Map<string, Kind>();

  /** @param capacity number of kinds that are told apart */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * Whether a record is to be logged as it is. If not, it is counted, as many times as its `repeated` says
   * if present.
   */
  isNews(record: LogRecord): boolean {
    const name = kindOf(record);
    if (name === undefined) return true;
    const key = this.#kinds.has(name) || this.#kinds.size < this.#capacity ? name : OTHERS;
    const kind = this.#kinds.get(key);
    if (kind === undefined) {
      this.#kinds.set(key, { last: record, count: 0, isNew: true });
      return true;
    }
    kind.last = record;
    kind.count += typeof record.properties.repeated === "number" ? record.properties.repeated : 1;
    return false;
  }

  /**
   * For each kind that was repeated since the last call its latest record, with the number as `repeated`.
   * Kinds that were not are forgotten, so that they are news when they occur again.
   */
  takeCounts(now: number): LogRecord[] {
    const told: LogRecord[] = [];
    for (const [key, kind] of this.#kinds) {
      const { last, count, isNew } = kind;
      if (count > 0) {
        const { repeated: _, ...properties } = last.properties;
        told.push({ ...last, timestamp: now, properties: { ...properties, repeated: count } });
      } else if (!isNew) this.#kinds.delete(key);
      kind.count = 0;
      kind.isNew = false;
    }
    return told;
  }
}

/** Undefined if it is no failure. Whoever can vary a kind fills the table, and then shares `OTHERS`. */
function kindOf({ category, level, rawMessage, properties }: LogRecord): string | undefined {
  const { code, error, protocol, intent } = properties;
  if (typeof code !== "string" && !(error instanceof Error)) return undefined;
  const what = error instanceof Error ? textOf(error) : code;
  return [...category, level, rawMessage, protocol, intent, what].join(" ").slice(0, LONGEST_NAME);
}

/** For an unexpected error only the cause says what it was. */
function textOf(error: Error): string {
  const { name, message, cause } = error;
  const isDefect = error instanceof ProxyError && error.code === "internal";
  const why = isDefect && cause instanceof Error ? ` ${cause.name}: ${cause.message}` : "";
  return `${name}: ${message}${why}`;
}
