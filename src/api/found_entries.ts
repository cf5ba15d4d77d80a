// Finds the origin that has a client, a stream or a vhost with a given id, and acts on it there. Ids are the
// origins' own, so all of them are asked, unless the id was recently seen at one.

import type { Clock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import { ExpiringMap } from "../core/expiring_map.ts";
import { isObject, type JsonObject } from "../core/json_object.ts";
import type { OriginReply } from "../core/origin_questions.ts";
import {
  type Missing,
  type OriginAnswers,
  type Survey,
  unreadableAnswer,
} from "./origin_answers.ts";
import { type ListName, NOT_FOUND_CODES, readSrsAnswer, SINGULARS } from "./srs_answer.ts";

/** What is looked for. */
export interface EntryRequest {
  readonly name: ListName;
  readonly id: string;
  /** The only one to ask. */
  readonly origin?: string | undefined;
}

export interface EntryFound {
  /** SRS's answer; if it was not found, its `code` says so. */
  readonly answer: JsonObject & { readonly code: number };
  readonly origin?: string | undefined;
  /** Origins that could not be asked, if none of the others has it. */
  readonly missing: readonly Missing[];
}

export interface FoundEntriesOptions {
  readonly clock: Pick<Clock, "now">;
  readonly answers: OriginAnswers;
}

const LIMIT = 64 * 1024;
const MOST_SEEN = 20_000;
const SEEN_FOR = 60_000;
/** SRS's ids are shorter than this, and made of these characters. */
const ID = /^[\w.-]{1,64}$/;

/** Finds entries at the origins by their ids. */
export class FoundEntries {
  readonly #options: FoundEntriesOptions;
  readonly #seen = new ExpiringMap<string, string>({ capacity: MOST_SEEN, ttl: SEEN_FOR });

  constructor(options: FoundEntriesOptions) {
    this.#options = options;
  }

  /** Remembers which origin has an entry that was listed, since it may be asked for next. */
  note(name: ListName, id: unknown, origin: string): void {
    const now = this.#options.clock.now();
    if (typeof id === "string" && ID.test(id)) this.#seen.set(`${name}/${id}`, origin, now);
  }

  /** @throws ProxyError `stream_busy` when several origins have that id, `registry_unavailable` */
  async find(request: EntryRequest): Promise<EntryFound> {
    const { name, id } = request;
    const seen = this.#seen.get(`${name}/${id}`, this.#options.clock.now());
    if (seen === undefined || request.origin !== undefined) return await this.#search(request);
    const there = await this.#askAt(seen, request);
    // Nobody waits for a second round after one that took all the time.
    const isLate = there.missing.some(({ reason }) => reason === "timeout");
    return there.answer.code === 0 || isLate ? there : await this.#search(request);
  }

  /**
   * Ends a client at the one origin that has it.
   *
   * @throws ProxyError as `find` does, and when the origin no longer answers
   */
  async end(request: EntryRequest): Promise<EntryFound> {
    const { answers } = this.#options;
    // Asks all origins even if the id was seen at one: another might have the same id.
    const found = await this.#search(request);
    if (found.origin === undefined || found.answer.code !== 0) return found;
    const target = targetOf(request);
    const reply = await answers.askOne(found.origin, { method: "DELETE", target, limit: LIMIT });
    return { ...found, answer: readSrsAnswer(reply) };
  }

  async #search(request: EntryRequest): Promise<EntryFound> {
    const { name, id, origin } = request;
    if (!ID.test(id)) return notFound(name, []);
    return await (origin === undefined ? this.#askAll(request) : this.#askAt(origin, request));
  }

  /** An origin that is unknown or does not answer is missing. */
  async #askAt(origin: string, request: EntryRequest): Promise<EntryFound> {
    const { answers } = this.#options;
    const { answers: [found], missing } = await answers.collect(surveyFor(request), origin);
    if (found !== undefined) {
      return { answer: named(request.name, found.answer, origin), origin, missing: [] };
    }
    const unknown = [{ origin, reason: "unreachable" as const }];
    return notFound(request.name, missing.length > 0 ? missing : unknown);
  }

  async #askAll(request: EntryRequest): Promise<EntryFound> {
    const { name, id } = request;
    const { answers, missing } = await this.#options.answers.collect(surveyFor(request));
    const [first, ...others] = answers.filter(({ answer }) => answer.code === 0);
    if (first === undefined) return notFound(name, missing);
    if (others.length > 0) {
      const origins = [first, ...others].map(({ origin }) => origin.id).join(", ");
      const message = `Cannot tell which of ${origins} is meant: add origin to the query`;
      throw new ProxyError("stream_busy", message);
    }
    const origin = first.origin.id;
    this.note(name, id, origin);
    return { answer: named(name, first.answer, origin), origin, missing: [] };
  }
}

function targetOf({ name, id }: EntryRequest): string {
  return `/api/v1/${name}/${id}`;
}

function surveyFor(request: EntryRequest): Survey<EntryFound["answer"]> {
  const read = (reply: OriginReply) => readEntry(request.name, reply);
  return { target: targetOf(request), limit: LIMIT, read };
}

function notFound(name: ListName, missing: readonly Missing[]): EntryFound {
  return { answer: { code: NOT_FOUND_CODES[name] }, missing };
}

/** The answer, with the origin added to the entry. */
function named<A extends JsonObject>(name: ListName, answer: A, origin: string): A {
  const entry = answer[SINGULARS[name]];
  return isObject(entry) ? { ...answer, [SINGULARS[name]]: { ...entry, origin } } : answer;
}

/** An answer that contains the entry or an error code. @throws ProxyError when it has neither */
function readEntry(name: ListName, reply: OriginReply): EntryFound["answer"] {
  const answer = readSrsAnswer(reply);
  if (answer.code === 0 && !isObject(answer[SINGULARS[name]])) throw unreadableAnswer();
  return answer;
}
