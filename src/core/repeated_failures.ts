// Which failures are news: one that is repeated does not fill the log. The first of a kind is
// logged as it is, those that follow are counted, and the count is reported periodically. Knows no
// clock: its owner asks for the counts.

import type { LogRecord } from "@logtape/logtape";
import { ProxyError } from "./errors.ts";

interface Kind {
  /** The latest record, which is reported with the count. */
  last: LogRecord;
  /** How many came since the last time. */
  count: number;
  /** Whether it has come for the first time since the last time. */
  isNew: boolean;
}

/** Characters of a kind's name. */
const LONGEST_NAME = 256;
/** Shared by kinds for which there is no room. */
const OTHERS = "others";

export class RepeatedFailures {
  readonly #capacity: number;
  readonly #kinds = new Map<string, Kind>();

  /** @param capacity kinds that are distinguished */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * Whether a record is to be logged as it is; it is counted otherwise, as many times as its `repeated`
   * says, if it has one.
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
   * For each kind that came again since the last call its latest record, with their number as `repeated`.
   * A kind that did not is forgotten: when it comes again it is news.
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

/** Undefined for what is no failure. Who can choose a part of it fills the table, and shares a kind then. */
function kindOf({ category, level, rawMessage, properties }: LogRecord): string | undefined {
  const { code, error, protocol, intent } = properties;
  if (typeof code !== "string" && !(error instanceof Error)) return undefined;
  const what = error instanceof Error ? textOf(error) : code;
  return [...category, level, rawMessage, protocol, intent, what].join(" ").slice(0, LONGEST_NAME);
}

/** Of what was not expected only the cause says what it was. */
function textOf(error: Error): string {
  const { name, message, cause } = error;
  const isDefect = error instanceof ProxyError && error.code === "internal";
  const why = isDefect && cause instanceof Error ? ` ${cause.name}: ${cause.message}` : "";
  return `${name}: ${message}${why}`;
}
