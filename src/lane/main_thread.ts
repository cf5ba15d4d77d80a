// The main thread as a lane sees it: the registry, the log of sessions and the metrics, each behind
// messages. Questions are answered in any order; what is told arrives in the order of telling.

import { type BodyBounds, readBoundedBytes } from "../core/bounded_body.ts";
import type { OriginStatus } from "../core/registrar.ts";
import type { Address } from "../core/address.ts";
import type {
  PartLocator,
  Resolver,
  SessionClosed,
  SessionLog,
  SessionOpened,
  SessionRefused,
} from "../core/contracts.ts";
import { FarRegistry } from "./far_registry.ts";
import type { KnownAnswersOptions } from "./known_answers.ts";
import { LaneMetrics } from "./lane_metrics.ts";
import type { FromLane, LaneNotice, LaneQuestions, PageAnswer } from "./messages.ts";
import { Repeats } from "./repeats.ts";
import { receiveError, sendError, type SentError } from "./sent_error.ts";

type About = keyof LaneQuestions;

/** Bytes of a request about WebRTC; the API behind it takes fewer. */
const MOST_OF_BODY = 1 << 17;

/** How long a body about WebRTC may take, and whose memory it takes. */
export type SignalBounds = Omit<BodyBounds, "limit">;

/** Sends what a lane has to say. */
export class MainThread {
  readonly resolver: Resolver & PartLocator;
  readonly sessions: FarSessionLog;
  readonly metrics = new LaneMetrics();
  readonly #post: (message: FromLane) => void;
  readonly #errors: Repeats<SentError>;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #questions = 0;
  #signals = 0;

  /** @param post sends a message to the main thread */
  constructor(post: (message: FromLane) => void, known: KnownAnswersOptions) {
    this.#post = post;
    this.resolver = new FarRegistry(this, known);
    this.sessions = new FarSessionLog(this);
    this.#errors = new Repeats((error, times) => this.tell({ type: "error", error, times }));
  }

  /** @throws ProxyError as the main thread has thrown it */
  ask<A extends About>(
    about: A,
    question: LaneQuestions[A]["question"],
  ): Promise<LaneQuestions[A]["answer"]> {
    const id = ++this.#questions;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#post({ type: "question", id, about, question });
    return waiting.promise as Promise<LaneQuestions[A]["answer"]>;
  }

  tell(notice: LaneNotice): void {
    this.#post({ type: "notice", notice });
  }

  /** Something was thrown that nobody expected. */
  report(thrown: unknown): void {
    const error = sendError(thrown);
    this.#errors.add([error.code, error.message, error.detail].join(" "), error);
  }

  /** Tells what has come together. */
  flush(): void {
    const metrics = this.metrics.take();
    if (metrics !== undefined) this.tell({ type: "metrics", metrics });
    this.sessions.flush();
    this.#errors.flush();
  }

  /** An answer has come. */
  answered(id: number, answer: unknown): void {
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }

  /** An error has come in place of an answer. */
  refused(id: number, error: SentError): void {
    this.#waiting.get(id)?.reject(receiveError(error));
    this.#waiting.delete(id);
  }

  origins(): Promise<readonly OriginStatus[]> {
    return this.ask("origins", undefined);
  }

  /** What the main thread answers to a request that is none for media. */
  async page({ method, url, headers }: Request): Promise<Response> {
    const answer = await this.ask("page", { method, url, headers: [...headers] });
    const { status } = answer;
    return new Response(this.#bodyOf(answer), { status, headers: answer.headers.map(pairOf) });
  }

  /**
   * What the main thread answers to a request about WebRTC, also to one whose body cannot be read.
   *
   * @param bounds of that body; its memory is given back by the caller
   */
  async signal(request: Request, peer: Address, bounds: SignalBounds): Promise<Response> {
    const { method, url, headers, signal } = request;
    const body = request.body === null ? undefined : await readWhole(request, bounds);
    const call = ++this.#signals;
    const question = { call, method, url, headers: [...headers], body, peer };
    const answered = this.ask("signal", question);
    const leave = () => this.tell({ type: "signal_left", call });
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave);
    const { status, ...answer } = await answered;
    const hasBody = status !== 204 && status !== 304;
    return new Response(hasBody ? answer.body : null, {
      status,
      headers: answer.headers.map(pairOf),
    });
  }

  #bodyOf({ body }: PageAnswer): ReadableStream<Uint8Array> | null {
    if (body === undefined) return null;
    return new ReadableStream({
      pull: async (controller) => {
        const piece = await this.ask("pull", body);
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
      cancel: () => this.tell({ type: "drop_body", body }),
    }, { highWaterMark: 0 });
  }
}

class FarSessionLog implements SessionLog {
  readonly #main: MainThread;
  readonly #refused: Repeats<SessionRefused>;

  constructor(main: MainThread) {
    this.#main = main;
    this.#refused = new Repeats(({ error, ...event }, times) => {
      const repeated = times > 1 ? times : undefined;
      const whole = { ...event, repeated };
      main.tell({ type: "session_refused", event: whole, error: sendError(error) });
    });
  }

  opened(event: SessionOpened): void {
    this.#main.tell({ type: "session_opened", event });
  }

  closed(event: SessionClosed): void {
    this.#main.tell({ type: "session_closed", event });
  }

  refused(event: SessionRefused): void {
    const { protocol, intent, error } = event;
    this.#refused.add([protocol, intent, error.code, error.message].join(" "), event);
  }

  flush(): void {
    this.#refused.flush();
  }
}

/** A body, or why it cannot be read, which the API says in its own way. */
async function readWhole(
  request: Request,
  bounds: SignalBounds,
): Promise<Uint8Array<ArrayBuffer> | SentError> {
  try {
    return await readBoundedBytes(request, { ...bounds, limit: MOST_OF_BODY });
  } catch (error) {
    return sendError(error);
  }
}

function pairOf([name, value]: readonly [string, string]): [string, string] {
  return [name, value];
}
