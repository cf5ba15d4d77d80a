// Combines the lists of several SRS: the lists of the origins one after the other, by the origins' ids, each
// in its origin's order. So pages are right over the whole list, and changes at one origin move nothing at
// those before it.

import type { Clock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import { isObject, type JsonObject } from "../core/json_object.ts";
import { type Missing, type OriginAnswers, unreadableAnswer } from "./origin_answers.ts";
import { type ListName, readGoodAnswer } from "./srs_answer.ts";

/** Which part of a list, counted from 0 over all origins. */
export interface Part {
  readonly start: number;
  readonly count: number;
  /** Only entries of this origin. */
  readonly origin?: string | undefined;
}

/** Part of a list; each entry names its origin. */
export interface ListPart {
  readonly entries: readonly JsonObject[];
  readonly missing: readonly Missing[];
}

export interface MergedListsOptions {
  readonly clock: Pick<Clock, "now">;
  readonly answers: OriginAnswers;
}

/** Limit on the entries that may be asked for. */
export const MOST_ENTRIES = 100_000;
/** An origin is asked for one of these numbers of entries. */
const DEPTHS: readonly number[] = [100, 1_000, 10_000, MOST_ENTRIES];
/** Milliseconds for which everybody shares a longer answer once one was needed: origins are asked only once. */
const DEEP_FOR = 10_000;
const BYTES_OF_ENTRY = 2_048;
const MOST_BYTES = 16 * 1024 * 1024;

export class MergedLists {
  readonly #options: MergedListsOptions;
  readonly #deep = new Map<ListName, { readonly depth: number; readonly until: number }>();

  constructor(options: MergedListsOptions) {
    this.#options = options;
  }

  /** @throws ProxyError `bad_request` when the part ends too far down, `registry_unavailable` */
  async part(name: ListName, { start, count, origin: only }: Part): Promise<ListPart> {
    const end = start + count;
    if (end > MOST_ENTRIES) {
      const message = `Cannot list beyond ${MOST_ENTRIES} entries: current value is ${end}`;
      throw new ProxyError("bad_request", message);
    }
    const depth = this.#depth(name, end);
    const { answers, missing } = await this.#options.answers.collect({
      target: name === "vhosts" ? "/api/v1/vhosts/" : `/api/v1/${name}/?start=0&count=${depth}`,
      limit: Math.min(depth * BYTES_OF_ENTRY, MOST_BYTES),
      read: (reply) => entriesOf(readGoodAnswer(reply)[name]),
    });
    const isWanted = (id: string) => only === undefined || id === only;
    const entries: JsonObject[] = [];
    let passed = 0;
    for (const { origin: { id }, answer } of answers) {
      if (!isWanted(id)) continue;
      const from = Math.max(0, start - passed);
      const of = answer.slice(from, from + count - entries.length);
      for (const entry of of) entries.push({ ...entry, origin: id });
      passed += answer.length;
      if (entries.length === count) break;
    }
    return { entries, missing: missing.filter(({ origin }) => isWanted(origin)) };
  }

  #depth(name: ListName, end: number): number {
    const now = this.#options.clock.now();
    const needed = DEPTHS.find((depth) => depth >= end)!;
    const deep = this.#deep.get(name);
    if (deep !== undefined && now < deep.until && deep.depth > needed) return deep.depth;
    this.#deep.set(name, { depth: needed, until: now + DEEP_FOR });
    return needed;
  }
}

function entriesOf(list: unknown): readonly JsonObject[] {
  if (!Array.isArray(list)) throw unreadableAnswer();
  return list.filter(isObject);
}
