// The answers of all origins to one question, asked of each at most once a second however many people want
// to know. An origin that is slow or dead delays an answer once, is reported as missing, and is not waited
// for again until it has answered. Knows no particular question.

import type { Clock } from "../core/clock.ts";
import { ProxyError, toProxyError } from "../core/errors.ts";
import { ExpiringMap } from "../core/expiring_map.ts";
import type { Memory } from "../core/memory.ts";
import type { Origin } from "../core/origin.ts";
import type { OriginQuestions, OriginReply } from "../core/origin_questions.ts";
import type { OriginStatus, Registrar } from "../core/registrar.ts";
import { Turns } from "../core/turns.ts";
import { logger } from "../core/log.ts";
import { logFailure } from "./log_failure.ts";

const LOG = logger("api");

/** Why an origin's answer is missing. */
export const MISSING_REASONS = [
  ...["no_api", "down", "unreachable", "timeout", "not_asked", "gone", "too_large"] as const,
  ...["refused", "unreadable"] as const,
] as const;
type MissingReason = typeof MISSING_REASONS[number];

/** An origin that has not answered. */
export interface Missing {
  readonly origin: string;
  readonly reason: MissingReason;
}

/** An origin's answer, parsed by `read`. */
export interface Answered<T> {
  readonly origin: Origin;
  readonly answer: T;
}

/** The results of asking all origins, both in the order of their ids. */
export interface Collected<T> {
  readonly answers: readonly Answered<T>[];
  readonly missing: readonly Missing[];
}

/** What to ask and how to parse the answer; one target has one way to be parsed. */
export interface Survey<T> {
  /** Path and query. */
  readonly target: string;
  /** Most bytes of one origin's answer. */
  readonly limit: number;
  /** @throws ProxyError when the answer is of no use */
  read(reply: OriginReply): T;
}

export interface OriginAnswersOptions {
  readonly clock: Clock;
  readonly registrar: Pick<Registrar, "origins">;
  readonly questions: OriginQuestions;
}

/** Milliseconds for one origin's answer; with the work that follows, less than a second. */
const PATIENCE = 800;
const FRESH_FOR = 1_000;
/** Many origins are asked less often: no more than this many in a second. */
const ORIGINS_PER_SECOND = 1_000;
const MOST_AT_ONCE = 256;
/** Most bytes of all answers to one question. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_KEPT = 1_000;
const SWEEP = 5_000;

/** The answers of all origins, kept for a second. */
export class OriginAnswers implements Disposable {
  readonly #options: OriginAnswersOptions;
  readonly #turns = new Turns(MOST_AT_ONCE);
  readonly #underWay = new Map<string, Promise<Collected<unknown>>>();
  readonly #kept: ExpiringMap<string, KeptAnswers>;
  /** Present while anything is kept. */
  #sweeper: Disposable | undefined;
  #isClosed = false;
  /** Origins whose last answer was late. */
  readonly #late = new Set<string>();

  constructor(options: OriginAnswersOptions) {
    this.#options = options;
    this.#kept = new ExpiringMap({ capacity: MOST_KEPT, ttl: SWEEP });
  }

  /**
   * Asks all origins, or only the one with that id, if it exists.
   *
   * @throws ProxyError `registry_unavailable`
   */
  async collect<T>(survey: Survey<T>, only?: string): Promise<Collected<T>> {
    const key = only === undefined ? survey.target : `${survey.target} ${only}`;
    const now = this.#options.clock.now();
    const kept = this.#kept.get(key, now);
    if (kept !== undefined && now < kept.freshUntil) return kept.collected as Collected<T>;
    let asked = this.#underWay.get(key);
    if (asked === undefined) {
      asked = this.#askAndKeep(survey, key, only).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, asked);
    }
    return await asked as Collected<T>;
  }

  /**
   * Asks one origin, now.
   *
   * @throws ProxyError as `OriginQuestions.ask`, and `not_found` when there is no such origin
   */
  async askOne(id: string, question: Parameters<OriginQuestions["ask"]>[1], patience = PATIENCE) {
    const all = await this.#options.registrar.origins();
    const found = all.find(({ origin }) => origin.id === id);
    if (found === undefined) throw new ProxyError("not_found", "Cannot find this origin");
    return await this.#options.questions.ask(found.origin, question, patience);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#sweeper?.[Symbol.dispose]();
  }

  #keep(key: string, answers: KeptAnswers): void {
    if (this.#isClosed) return;
    const { clock } = this.#options;
    this.#kept.set(key, answers, clock.now());
    this.#sweeper ??= clock.after(SWEEP, () => this.#sweep());
  }

  #sweep(): void {
    const { clock } = this.#options;
    this.#kept.expire(clock.now());
    this.#sweeper = this.#kept.size === 0 ? undefined : clock.after(SWEEP, () => this.#sweep());
  }

  async #askAndKeep<T>(
    survey: Survey<T>,
    key: string,
    only: string | undefined,
  ): Promise<Collected<T>> {
    const { clock, registrar } = this.#options;
    const origins = await registrar.origins();
    this.#forget(origins);
    const all = origins.filter(({ origin: { id } }) => only === undefined || id === only)
      .sort((a, b) => a.origin.id < b.origin.id ? -1 : 1);
    const inquiry = new Inquiry(survey, this.#options, this.#turns);
    const results = all.map((status) => inquiry.ask(status));
    const isPunctual = ({ origin }: OriginStatus) => !this.#late.has(origin.id);
    await Promise.all(
      results.filter((_, index) => isPunctual(all[index]!)).map(({ done }) => done),
    );
    for (const { origin, done, outcome } of results) this.#note(origin.id, done, outcome);
    const collected = collectedFrom(results);
    const life = Math.max(FRESH_FOR, all.length / ORIGINS_PER_SECOND * 1_000);
    this.#keep(key, { collected, freshUntil: clock.now() + Math.min(life, SWEEP) });
    return collected;
  }

  /** An origin that was late is waited for again once an answer has come in time. */
  #note(id: string, done: Promise<Outcome<unknown>>, outcome: Outcome<unknown> | undefined): void {
    const look = (last: Outcome<unknown>) => {
      if (last.kind === "missing" && last.reason === "timeout") this.#late.add(id);
      else this.#late.delete(id);
    };
    if (outcome !== undefined) look(outcome);
    else done.then(look);
  }

  #forget(all: readonly OriginStatus[]): void {
    if (this.#late.size === 0) return;
    const ids = new Set(all.map(({ origin }) => origin.id));
    for (const id of this.#late) if (!ids.has(id)) this.#late.delete(id);
  }
}

interface KeptAnswers {
  readonly collected: Collected<unknown>;
  readonly freshUntil: number;
}

type Outcome<T> =
  | { readonly kind: "answered"; readonly answer: T }
  | { readonly kind: "missing"; readonly reason: MissingReason };

/** One origin's part in an inquiry; it has an outcome when it is done. */
interface Pending<T> {
  readonly origin: Origin;
  readonly done: Promise<Outcome<T>>;
  outcome: Outcome<T> | undefined;
}

/** One question put to all origins, with the memory that the answers may take together. */
class Inquiry<T> {
  readonly #survey: Survey<T>;
  readonly #options: OriginAnswersOptions;
  readonly #turns: Turns;
  readonly #end: number;
  readonly #memory = new AnswerMemory();

  constructor(survey: Survey<T>, options: OriginAnswersOptions, turns: Turns) {
    this.#survey = survey;
    this.#options = options;
    this.#turns = turns;
    this.#end = options.clock.now() + PATIENCE;
  }

  ask(status: OriginStatus): Pending<T> {
    const { origin } = status;
    const done = this.#outcomeOf(status).then((outcome) => pending.outcome = outcome);
    const pending: Pending<T> = { origin, done, outcome: undefined };
    return pending;
  }

  async #outcomeOf({ origin, down }: OriginStatus): Promise<Outcome<T>> {
    if (origin.endpoints.api.length === 0) return { kind: "missing", reason: "no_api" };
    if (down) return { kind: "missing", reason: "down" };
    using _turn = await this.#turns.take();
    const { target, limit, read } = this.#survey;
    const left = this.#end - this.#options.clock.now();
    if (left <= 0) return { kind: "missing", reason: "not_asked" };
    try {
      const question = { method: "GET", target, limit, memory: this.#memory };
      const reply = await this.#options.questions.ask(origin, question, left);
      return { kind: "answered", answer: read(reply) };
    } catch (thrown) {
      const error = toProxyError(thrown);
      if (error.source === "internal") logFailure(LOG, "Cannot ask an origin", error);
      return { kind: "missing", reason: reasonOf(error) };
    }
  }
}

/** Counts the memory of all answers to one question. */
class AnswerMemory implements Memory {
  #taken = 0;

  take(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken > MOST_BYTES) {
      throw new ProxyError("too_large", "Cannot keep the answers of all origins");
    }
  }

  give(bytes: number): void {
    this.#taken -= bytes;
  }
}

function collectedFrom<T>(results: readonly Pending<T>[]): Collected<T> {
  const answers: Answered<T>[] = [];
  const missing: Missing[] = [];
  for (const { origin, outcome } of results) {
    if (outcome?.kind === "answered") answers.push({ origin, answer: outcome.answer });
    else missing.push({ origin: origin.id, reason: outcome?.reason ?? "timeout" });
  }
  return { answers, missing };
}

/** A useless answer: the origin is at fault, not whoever has asked. */
class UselessAnswer extends ProxyError {
  readonly reason: MissingReason;

  constructor(reason: MissingReason, message: string, cause?: unknown) {
    super("origin_refused", message, { cause });
    this.reason = reason;
  }
}

/** The origin has no such API, or refuses to answer. */
export function refusedAnswer(): ProxyError {
  return new UselessAnswer("refused", "Origin refuses to answer");
}

/** The answer cannot be parsed. */
export function unreadableAnswer(cause?: unknown): ProxyError {
  return new UselessAnswer("unreadable", "Origin's answer cannot be understood", cause);
}

function reasonOf(error: ProxyError): MissingReason {
  if (error instanceof UselessAnswer) return error.reason;
  switch (error.code) {
    case "origin_timeout":
      return "timeout";
    case "origin_gone":
      return "gone";
    case "too_large":
      return "too_large";
    default:
      return "unreachable";
  }
}
