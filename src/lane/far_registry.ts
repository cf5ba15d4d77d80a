// The registry as a lane sees it: asked by message, and not at all for what the lane already knows. The
// main thread is always asked for publishers, and for clients that failed to reach an origin, since only
// the main thread moves streams. It is told of a viewer served from known answers without a wait.

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

export interface MainThreadLine {
  readonly metrics: Pick<Metrics, "count">;
  /** @throws ProxyError as thrown in the main thread */
  ask<About extends keyof LaneQuestions>(
    about: About,
    question: LaneQuestions[About]["question"],
  ): Promise<LaneQuestions[About]["answer"]>;
  tell(notice: LaneNotice): void;
}

interface Inquiry<T> {
  readonly question: string;
  ask(): Promise<StandingAnswer<T>>;
}

export class FarRegistry implements Resolver, PartLocator {
  readonly #main: MainThreadLine;
  readonly #places: KnownAnswers<StreamPlace>;
  readonly #parts: KnownAnswers<Origin>;
  readonly #owners: KnownAnswers<StreamOwner | undefined>;
  /** Playing sessions that have not been released. */
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
    // Forget them at once: the main thread still believes them until it receives this message.
    for (const known of [this.#places, this.#parts, this.#owners]) known.clear();
    this.#main.tell({ type: "unreachable", origin, protocol });
  }

  async locate(request: PartRequest): Promise<Origin> {
    const { stream, originTag = "", protocol, failed } = request;
    const ask = () => this.#main.ask("part", request);
    if (failed.length > 0) return (await ask()).answer;
    // The length is part of the key because a client may put anything into a tag.
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
    // Counted from the question: the answer may have been true for that long already.
    const askedAt = answers.now();
    const { answer, standing } = await ask();
    if (standing !== undefined) answers.keep(question, { answer, standing, askedAt });
    return { answer, isKnown: false };
  }
}
