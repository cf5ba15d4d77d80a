// The main thread's side of one lane: answers the lane's questions, passes on what it reports, and ends
// whatever it left open when it dies. Does not know about threads.

import type { OriginStatus } from "../core/registrar.ts";
import type {
  JoiningViewer,
  Metrics,
  SessionLog,
  StandingAnswer,
  StandingRegistry,
  StreamPlace,
  StreamRequest,
} from "../core/contracts.ts";
import type { Address } from "../core/address.ts";
import type { Flowed } from "../core/flow_meter.ts";
import { unpackFlows } from "../core/packed_flows.ts";
import type { TlsFailure } from "../net/securing_engine.ts";
import type {
  Counted,
  FromLane,
  LaneNotice,
  LaneQuestions,
  PageAnswer,
  PageRequest,
  SentMetrics,
  SignalAnswer,
  SignalRequest,
  ToLane,
} from "./messages.ts";
import { receiveError, sendError, type SentError } from "./sent_error.ts";

type About = keyof LaneQuestions;

/** Limit on page bodies that one lane may have open; each belongs to a client. */
const MOST_BODIES = 20_000;

export interface DeskServices {
  readonly resolver: StandingRegistry;
  readonly sessions: SessionLog;
  readonly metrics: Metrics;
  origins(): Promise<readonly OriginStatus[]>;
  /** Answers requests that are not for media. */
  answerOther(request: Request): Promise<Response>;
  /** Answers WebRTC signalling requests. */
  signal(request: Request, peer: Address): Response | Promise<Response>;
  /** A lane failed to set up TLS with an origin. */
  onTlsFailed?(failure: TlsFailure): void;
  /** @param times how often the error has occurred; 1 if omitted */
  onError(error: unknown, times?: number): void;
}

type Bytes = Pick<Flowed, "bytesIn" | "bytesOut">;
const NOTHING: Bytes = { bytesIn: 0, bytesOut: 0 };

/** Metrics by plain string; the compiler checked the names and labels where they were sent. */
interface UncheckedMetrics {
  count(name: string, labels: Counted["labels"], by: number): void;
  observe(name: string, seconds: number, labels: Counted["labels"]): void;
}

export class Desk {
  readonly #services: DeskServices;
  readonly #post: (message: ToLane) => void;
  /** Sessions that the registry knows of and that have not been released. */
  readonly #held = new Set<string>();
  /** Sessions that an origin has accepted, with their figures as last reported. */
  readonly #opened = new Map<string, Bytes>();
  readonly #received = new Map<string, number>();
  readonly #gauges = new Map<string, number>();
  readonly #signals = new Map<number, AbortController>();
  readonly #bodies = new Map<number, ReadableStreamDefaultReader<Uint8Array>>();
  readonly #metrics: UncheckedMetrics;
  #bodyCount = 0;
  #isOver = false;

  /** @param post sends a message to the lane */
  constructor(services: DeskServices, post: (message: ToLane) => void) {
    this.#services = services;
    this.#metrics = services.metrics as UncheckedMetrics;
    this.#post = post;
  }

  /** Whether the session belongs to this lane. */
  has(session: string): boolean {
    return this.#held.has(session) || this.#opened.has(session);
  }

  /** Bytes the origin has sent for a session of this lane; undefined if the session is not in this lane. */
  received(session: string): number | undefined {
    return this.has(session) ? this.#received.get(session) ?? 0 : undefined;
  }

  /** The lane's latest value of this gauge. */
  gauge(name: string): number {
    return this.#gauges.get(name) ?? 0;
  }

  /** Answers a question as soon as the answer is known. */
  async answer({ id, about, question }: Extract<FromLane, { type: "question" }>): Promise<void> {
    try {
      const answer = await this.#find(about, question);
      if (!this.#isOver) this.#post({ type: "answer", id, answer });
    } catch (thrown) {
      const error = sendError(thrown);
      if (error.code === "internal") this.#services.onError(thrown);
      if (!this.#isOver) this.#post({ type: "refusal", id, error });
    }
  }

  take(notice: LaneNotice): void {
    const { resolver, sessions, onError } = this.#services;
    switch (notice.type) {
      case "join":
        return this.#join(notice.viewer);
      case "confirm":
        return void resolver.confirm(notice.session).catch(onError);
      case "release":
        return this.#release(notice.session);
      case "reached":
      case "unreachable":
        return resolver[notice.type](notice.origin, notice.protocol);
      case "session_opened":
        this.#opened.set(notice.event.session, NOTHING);
        return sessions.opened(notice.event);
      case "session_closed":
        this.#forget(notice.event.session);
        return sessions.closed(notice.event);
      case "sessions_flowed":
        return unpackFlows(notice.flows, (session, flowed) => {
          if (!this.#opened.has(session)) return;
          this.#opened.set(session, flowed);
          sessions.flowed({ session, flowed });
        });
      case "parts_served":
        return notice.parts.forEach((part) => sessions.served(part));
      case "session_refused":
        return sessions.refused({ ...notice.event, error: receiveError(notice.error) });
      case "metrics":
        return this.#count(notice.metrics);
      case "tls_failed":
        return this.#services.onTlsFailed?.(notice.failure);
      case "received":
        for (const [session, bytes] of notice.sessions) {
          if (this.has(session)) this.#received.set(session, bytes);
        }
        return;
      case "signal_left":
        return this.#signals.get(notice.call)?.abort();
      case "drop_body":
        return this.#dropBody(notice.body);
      case "error":
        return onError(receiveError(notice.error), notice.times);
    }
  }

  /** The lane has ended. @param reason recorded for its sessions */
  end(reason: string): void {
    this.#isOver = true;
    for (const [session, { bytesIn, bytesOut }] of this.#opened) {
      this.#services.sessions.closed({ session, reason, bytesIn, bytesOut });
    }
    for (const session of [...this.#held]) this.#release(session);
    for (const body of [...this.#bodies.keys()]) this.#dropBody(body);
    for (const gone of this.#signals.values()) gone.abort();
    this.#opened.clear();
    this.#received.clear();
    this.#gauges.clear();
  }

  #count({ counts, gauges, observed }: SentMetrics): void {
    for (const { name, labels, by } of counts) this.#metrics.count(name, labels, by);
    for (const [name, value] of gauges) this.#gauges.set(name, value);
    for (const { name, labels, times, seconds } of observed) {
      for (let time = 0; time < times; time++) this.#metrics.observe(name, seconds, labels);
    }
  }

  #find(about: About, question: unknown): Promise<unknown> {
    const { resolver, origins } = this.#services;
    const answers: { readonly [A in About]: (question: LaneQuestions[A]["question"]) => unknown } =
      {
        place: (request) => {
          this.#held.add(request.session);
          return this.#place(request);
        },
        confirm: (session) => resolver.confirm(session),
        part: (request) => resolver.findPart(request),
        owner: (stream) => resolver.findOwner(stream),
        origins: () => origins(),
        page: (request) => this.#page(request),
        signal: (request) => this.#signal(request),
        pull: (body) => this.#pull(body),
      };
    return Promise.resolve((answers[about] as (question: unknown) => unknown)(question));
  }

  async #place(request: StreamRequest): Promise<StandingAnswer<StreamPlace>> {
    const { resolver } = this.#services;
    try {
      return await resolver.place(request);
    } finally {
      // The lane may have died in the meantime, before the registry knew the session.
      if (this.#isOver) resolver.release(request.session);
    }
  }

  #join(viewer: JoiningViewer): void {
    if (this.#isOver) return;
    this.#held.add(viewer.session);
    this.#services.resolver.join(viewer);
  }

  #release(session: string): void {
    if (this.#held.delete(session)) this.#services.resolver.release(session);
    if (!this.#opened.has(session)) this.#received.delete(session);
  }

  #forget(session: string): void {
    this.#opened.delete(session);
    if (!this.#held.has(session)) this.#received.delete(session);
  }

  async #page({ method, url, headers }: PageRequest): Promise<PageAnswer> {
    const request = new Request(url, {
      method,
      headers: headers.map(pairOf),
    });
    const response = await this.#services.answerOther(request);
    const answer = { status: response.status, headers: [...response.headers] };
    if (response.body === null) return { ...answer, body: undefined };
    if (this.#isOver || this.#bodies.size >= MOST_BODIES) {
      await response.body.cancel();
      return { status: 503, headers: [], body: undefined };
    }
    const body = ++this.#bodyCount;
    this.#bodies.set(body, response.body.getReader());
    return { ...answer, body };
  }

  async #signal(
    { call, method, url, headers, body, peer }: SignalRequest,
  ): Promise<SignalAnswer> {
    const gone = new AbortController();
    this.#signals.set(call, gone);
    const request = new Request(url, {
      ...{ method, signal: gone.signal },
      headers: headers.map(pairOf),
      ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : failing(body) }),
    });
    try {
      const response = await this.#services.signal(request, peer);
      return {
        status: response.status,
        headers: [...response.headers],
        body: await response.bytes(),
      };
    } finally {
      this.#signals.delete(call);
    }
  }

  async #pull(body: number): Promise<Uint8Array | undefined> {
    try {
      const { done = true, value } = await this.#bodies.get(body)?.read() ?? {};
      if (!done) return value;
    } catch (error) {
      this.#bodies.delete(body);
      throw error;
    }
    this.#bodies.delete(body);
    return undefined;
  }

  #dropBody(body: number): void {
    const reader = this.#bodies.get(body);
    this.#bodies.delete(body);
    reader?.cancel().catch(() => {});
  }
}

/** A body whose reading fails with this error. */
function failing(error: SentError): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.error(receiveError(error)) });
}

function pairOf([name, value]: readonly [string, string]): [string, string] {
  return [name, value];
}
