// The main thread as a lane sees it: the registry, the session log and the metrics, each behind messages.
// Questions are answered in any order; notices arrive in the order in which they were sent.

import { type BodyBounds, readBoundedBytes } from "../core/bounded_body.ts";
import type { OriginStatus } from "../core/registrar.ts";
import type { Address } from "../core/address.ts";
import type {
  PartLocator,
  PartServed,
  Resolver,
  SessionClosed,
  SessionFlowed,
  SessionLog,
  SessionOpened,
  SessionRefused,
} from "../core/contracts.ts";
import { packFlows } from "../core/packed_flows.ts";
import type { Flowed } from "../core/flow_meter.ts";
import { FarRegistry } from "./far_registry.ts";
import type { KnownAnswersOptions } from "./known_answers.ts";
import { LaneMetrics } from "./lane_metrics.ts";
import type { FromLane, LaneNotice, LaneQuestions, PageAnswer } from "./messages.ts";
import { Repeats } from "./repeats.ts";
import { receiveError, sendError, type SentError } from "./sent_error.ts";

type About = keyof LaneQuestions;

/** Limit on the body of a WebRTC request in bytes; the API behind it accepts less. */
const MOST_OF_BODY = 1 << 17;

/** Limit on streams for which served bytes are collected before they are reported. */
const MOST_SERVED = 1_000;

/** How long the body of a WebRTC request may take, and whose memory it is charged to. */
export type SignalBounds = Omit<BodyBounds, "limit">;

export class MainThread {
  readonly resolver: Resolver & PartLocator;
  readonly sessions: FarSessionLog;
  readonly metrics = new LaneMetrics();
  readonly #post: (message: FromLane) => void;
  readonly #errors: Repeats<SentError>;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #questions = 0;
  #collected: LaneNotice[] | undefined;
  #signals = 0;

  /** @param post sends a message to the main thread */
  constructor(post: (message: FromLane) => void, known: KnownAnswersOptions) {
    this.#post = post;
    this.resolver = new FarRegistry(this, known);
    this.sessions = new FarSessionLog(this);
    this.#errors = new Repeats((error, times) => this.tell({ type: "error", error, times }));
  }

  /** @throws ProxyError as thrown in the main thread */
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
    if (this.#collected) this.#collected.push(notice);
    else this.#post({ type: "notice", notice });
  }

  /** Returns the notices that `tell` would send, instead of sending them. */
  collect(tell: () => void): readonly LaneNotice[] {
    const notices: LaneNotice[] = this.#collected = [];
    try {
      tell();
    } finally {
      this.#collected = undefined;
    }
    return notices;
  }

  /** Reports an unexpected exception. */
  report(thrown: unknown): void {
    const error = sendError(thrown);
    this.#errors.add([error.code, error.message, error.detail].join(" "), error);
  }

  /** Sends what has been collected. */
  flush(): void {
    const metrics = this.metrics.take();
    if (metrics !== undefined) this.tell({ type: "metrics", metrics });
    this.sessions.flush();
    this.#errors.flush();
  }

  answered(id: number, answer: unknown): void {
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }

  /** A question has failed. */
  refused(id: number, error: SentError): void {
    this.#waiting.get(id)?.reject(receiveError(error));
    this.#waiting.delete(id);
  }

  origins(): Promise<readonly OriginStatus[]> {
    return this.ask("origins", undefined);
  }

  /** The main thread's answer to a request that is not for media. */
  async page({ method, url, headers }: Request): Promise<Response> {
    const answer = await this.ask("page", { method, url, headers: [...headers] });
    const { status } = answer;
    return new Response(this.#bodyOf(answer), { status, headers: answer.headers.map(pairOf) });
  }

  /**
   * The main thread's answer to a WebRTC request, including one whose body cannot be read.
   *
   * @param bounds of the body; the caller releases its memory
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
  /** Figures to report, of open sessions. */
  readonly #flowed = new Map<string, Flowed>();
  /** Bytes to report that were served without a session, by stream and origin. */
  readonly #served = new Map<string, PartServed>();

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
    this.#flowed.delete(event.session);
    this.#main.tell({ type: "session_closed", event });
  }

  flowed({ session, flowed }: SessionFlowed): void {
    this.#flowed.set(session, flowed);
  }

  refused(event: SessionRefused): void {
    const { protocol, intent, error } = event;
    this.#refused.add([protocol, intent, error.code, error.message].join(" "), event);
  }

  served(event: PartServed): void {
    const key = `${event.stream}\n${event.origin}`;
    const bytes = event.bytes + (this.#served.get(key)?.bytes ?? 0);
    this.#served.set(key, { ...event, bytes });
    if (this.#served.size >= MOST_SERVED) this.#tellServed();
  }

  flush(): void {
    this.#refused.flush();
    this.#tellFlowed();
    this.#tellServed();
  }

  #tellServed(): void {
    if (this.#served.size === 0) return;
    this.#main.tell({ type: "parts_served", parts: [...this.#served.values()] });
    this.#served.clear();
  }

  #tellFlowed(): void {
    if (this.#flowed.size === 0) return;
    const flows = packFlows([...this.#flowed.keys()], [...this.#flowed.values()]);
    this.#flowed.clear();
    this.#main.tell({ type: "sessions_flowed", flows });
  }
}

/** The body, or the error that prevented reading it; the API words its own answer to that. */
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
