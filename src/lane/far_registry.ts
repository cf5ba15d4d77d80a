// The registry as a lane sees it: asked by messages, and not at all for what the lane knows already.
// Publishers are always asked for, and whoever has found an origin out of reach: only the main thread
// moves streams. A viewer who is led by what is known is told of without waiting.

import type { LabelValue } from "../core/metric_table.ts";
import type { Origin, Protocol } from "../core/origin.ts";
import type {
  Metrics,
  PartLocator,
  PartRequest,
  Resolver,
  StandingAnswer,
  StreamOwner,
  StreamPlace,
  StreamRequest,
} from "../core/contracts.ts";
import { KnownAnswers, type KnownAnswersOptions } from "./known_answers.ts";
import type { LaneNotice, LaneQuestions } from "./messages.ts";

const KNOWN = "srs_proxy_lane_known_answers_total";

/** The way to the main thread. */
export interface MainThreadLine {
  readonly metrics: Pick<Metrics, "count">;
  /** @throws ProxyError as the main thread has thrown it */
  ask<About extends keyof LaneQuestions>(
    about: About,
    question: LaneQuestions[About]["question"],
  ): Promise<LaneQuestions[About]["answer"]>;
  tell(notice: LaneNotice): void;
}

/** What is asked, and how. */
interface Inquiry<T> {
  readonly question: string;
  ask(): Promise<StandingAnswer<T>>;
}

/** One lane's. */
export class FarRegistry implements Resolver, PartLocator {
  readonly #main: MainThreadLine;
  readonly #places: KnownAnswers<StreamPlace>;
  readonly #parts: KnownAnswers<Origin>;
  readonly #owners: KnownAnswers<StreamOwner | undefined>;
  /** Sessions that play, until they are released. */
  readonly #viewers = new Set<string>();

  constructor(main: MainThreadLine, known: KnownAnswersOptions) {
    this.#main = main;
    this.#places = new KnownAnswers(known);
    this.#parts = new KnownAnswers(known);
    this.#owners = new KnownAnswers(known);
  }

  async resolve(request: StreamRequest): Promise<Origin> {
    const { session, stream, protocol, intent, failed } = request;
    const ask = () => this.#main.ask("place", request);
    if (intent === "publish") return (await ask()).answer.origin;
    this.#viewers.add(session);
    if (failed.length > 0) return (await ask()).answer.origin;
    const { answer, isKnown } = await this.#find("resolve", this.#places, {
      question: `${protocol} ${stream}`,
      ask,
    });
    if (isKnown) this.#join(request, answer);
    return answer.origin;
  }

  confirm(session: string): Promise<void> {
    if (!this.#viewers.has(session)) return this.#main.ask("confirm", session);
    this.#main.tell({ type: "confirm", session });
    return Promise.resolve();
  }

  release(session: string): void {
    this.#viewers.delete(session);
    this.#main.tell({ type: "release", session });
  }

  reached(origin: string, protocol: Protocol): void {
    this.#main.tell({ type: "reached", origin, protocol });
  }

  unreachable(origin: string, protocol: Protocol): void {
    // What the main thread knows no better until it hears this is forgotten here at once.
    for (const known of [this.#places, this.#parts, this.#owners]) known.clear();
    this.#main.tell({ type: "unreachable", origin, protocol });
  }

  async locate(request: PartRequest): Promise<Origin> {
    const { stream, originTag = "", protocol, failed } = request;
    const ask = () => this.#main.ask("part", request);
    if (failed.length > 0) return (await ask()).answer;
    // Without its length a tag could be anything that a client has put together.
    const question = `${protocol} ${originTag.length} ${originTag} ${stream}`;
    return (await this.#find("locate", this.#parts, { question, ask })).answer;
  }

  async owner(stream: string): Promise<StreamOwner | undefined> {
    const ask = () => this.#main.ask("owner", stream);
    return (await this.#find("owner", this.#owners, { question: stream, ask })).answer;
  }

  #join({ session, protocol }: StreamRequest, { stream, origin, epoch }: StreamPlace): void {
    const viewer = { session, protocol, stream, origin: origin.id, epoch };
    this.#main.tell({ type: "join", viewer });
  }

  async #find<T>(
    operation: LabelValue<typeof KNOWN, "operation">,
    answers: KnownAnswers<T>,
    { question, ask }: Inquiry<T>,
  ): Promise<{ readonly answer: T; readonly isKnown: boolean }> {
    const known = answers.get(question);
    if (known !== undefined) {
      this.#main.metrics.count(KNOWN, { operation });
      return { answer: known.answer, isKnown: true };
    }
    // The time of an answer that stands begins no later than with its question.
    const askedAt = answers.now();
    const { answer, standing } = await ask();
    if (standing !== undefined) answers.keep(question, { answer, standing, askedAt });
    return { answer, isKnown: false };
  }
}
