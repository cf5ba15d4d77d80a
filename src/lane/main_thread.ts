// The main thread as a lane sees it: the registry, the log of sessions and the metrics, each behind
// messages. Questions are answered in any order; what is told arrives in the order of telling.

import type { OriginStatus } from "../core/registrar.ts";
import type { Address } from "../core/address.ts";
import { joinPieces } from "../core/join_pieces.ts";
import type {
  Metrics,
  PartLocator,
  Resolver,
  SessionClosed,
  SessionLog,
  SessionOpened,
  SessionRefused,
} from "../core/contracts.ts";
import type { Counted, FromLane, LaneNotice, LaneQuestions, PageAnswer } from "./messages.ts";
import { FarRegistry } from "./far_registry.ts";
import type { KnownAnswersOptions } from "./known_answers.ts";
import { receiveError, sendError, type SentError } from "./sent_error.ts";

type About = keyof LaneQuestions;

/** Bytes of a request about WebRTC; the API behind it takes fewer. */
const MOST_OF_BODY = 1 << 17;

/** Sends what a lane has to say. */
export class MainThread {
  readonly resolver: Resolver & PartLocator;
  readonly sessions: SessionLog;
  readonly metrics: LaneMetrics;
  readonly #post: (message: FromLane) => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #questions = 0;
  #signals = 0;

  /** @param post sends a message to the main thread */
  constructor(post: (message: FromLane) => void, known: KnownAnswersOptions) {
    this.#post = post;
    this.metrics = new LaneMetrics((notice) => this.tell(notice));
    this.resolver = new FarRegistry(this, known);
    this.sessions = new FarSessionLog(this);
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

  /** What the main thread answers to a request about WebRTC. */
  async signal(request: Request, peer: Address): Promise<Response> {
    const { method, url, headers, signal } = request;
    const body = request.body === null ? undefined : await readWhole(request.body);
    if (body === "too_large") return new Response(null, { status: 413 });
    const call = ++this.#signals;
    signal.addEventListener("abort", () => this.tell({ type: "signal_left", call }));
    const question = { call, method, url, headers: [...headers], body, peer };
    const { status, ...answer } = await this.ask("signal", question);
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

  constructor(main: MainThread) {
    this.#main = main;
  }

  opened(event: SessionOpened): void {
    this.#main.tell({ type: "session_opened", event });
  }

  closed(event: SessionClosed): void {
    this.#main.tell({ type: "session_closed", event });
  }

  refused({ error, ...event }: SessionRefused): void {
    this.#main.tell({ type: "session_refused", event, error: sendError(error) });
  }
}

/** Counts by itself, and sends what has come together. */
class LaneMetrics implements Metrics {
  readonly #tell: (notice: LaneNotice) => void;
  #counts = new Map<string, Counted>();

  constructor(tell: (notice: LaneNotice) => void) {
    this.#tell = tell;
  }

  count(name: string, labels?: Readonly<Record<string, string>>, by = 1): void {
    const key = labels === undefined ? name : `${name} ${Object.values(labels).join(" ")}`;
    const sum = (this.#counts.get(key)?.by ?? 0) + by;
    this.#counts.set(key, { name, labels, by: sum });
  }

  gauge(name: string, value: number): void {
    this.#tell({ type: "gauge", name, value });
  }

  observe(name: string, seconds: number, labels?: Readonly<Record<string, string>>): void {
    this.#tell({ type: "observe", name, seconds, labels });
  }

  /** Sends the counts. */
  flush(): void {
    if (this.#counts.size === 0) return;
    this.#tell({ type: "count", counts: [...this.#counts.values()] });
    this.#counts = new Map();
  }
}

/** A body, if it is no longer than any that is about WebRTC. */
async function readWhole(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array<ArrayBuffer> | "too_large"> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    if (length > MOST_OF_BODY) return "too_large";
    pieces.push(piece);
  }
  return joinPieces(pieces, length);
}

function pairOf([name, value]: readonly [string, string]): [string, string] {
  return [name, value];
}
