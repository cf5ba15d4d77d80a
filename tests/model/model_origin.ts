// An origin with its own truth: one publisher for each stream, a second one is told that the stream
// is busy, viewers wait for one. It can be killed, frozen, started again, fall silent. Knows no
// registry and no proxy but as somebody to answer.

import type { Clock } from "../../src/core/clock.ts";
import type { Origin } from "../../src/core/origin.ts";
import { sampleOrigin } from "../contract/sample_origin.ts";
import type { ModelSession } from "./model_session.ts";

/** What an origin says to who asks for a stream. */
export type Decision = "accepted" | "busy";

/** Told about what the origin does by itself. */
export interface OriginEvents {
  /** The origin is gone, and the connections of its sessions with it. */
  onClosed(session: ModelSession): void;
}

/** One origin. */
export class ModelOrigin {
  readonly id: string;
  isSilent = false;
  readonly #clock: Clock;
  readonly #events: OriginEvents;
  readonly #sessions = new Set<ModelSession>();
  /** Those that are still to be decided on. */
  readonly #asking = new Set<ModelSession>();
  /** What has come while it was frozen. */
  readonly #waiting: (() => void)[] = [];
  #state: "running" | "frozen" | "dead" = "running";
  #freeze: symbol | undefined;
  #generation = 1;

  constructor(id: string, clock: Clock, events: OriginEvents) {
    this.id = id;
    this.#clock = clock;
    this.#events = events;
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  /** As it registers itself. */
  get record(): Origin {
    const generation = `service/${this.#generation}`;
    return sampleOrigin(this.id, { generation, offers: ["rtmp", "srt", "http"] });
  }

  /** Whether somebody publishes this stream here. */
  hasPublisher(stream: string): boolean {
    return this.#publisher(stream) !== undefined;
  }

  /** A proxy asks for a session. @param decide told what the origin decides, unless it dies */
  ask(session: ModelSession, delay: number, decide: (decision: Decision) => void): void {
    const generation = this.#generation;
    this.#asking.add(session);
    this.#clock.after(delay, () => {
      this.#handle(() => {
        this.#asking.delete(session);
        if (session.isOver || generation !== this.#generation) return;
        const isBusy = session.intent === "publish" && this.hasPublisher(session.stream);
        if (!isBusy) this.#sessions.add(session);
        decide(isBusy ? "busy" : "accepted");
      });
    });
  }

  /** The proxy has ended the session. */
  drop(session: ModelSession): void {
    this.#handle(() => this.#sessions.delete(session));
  }

  /** Names the present freeze; undefined when it is not frozen. */
  get frozen(): symbol | undefined {
    return this.#state === "frozen" ? this.#freeze : undefined;
  }

  /** @returns what names this freeze; undefined when it was frozen or dead before */
  freeze(): symbol | undefined {
    if (this.#state !== "running") return undefined;
    this.#state = "frozen";
    this.#freeze = Symbol("frozen");
    return this.#freeze;
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "running";
    for (const handle of this.#waiting.splice(0)) handle();
  }

  kill(): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    this.#generation++;
    this.#waiting.length = 0;
    const sessions = [...this.#sessions, ...this.#asking];
    this.#sessions.clear();
    this.#asking.clear();
    for (const session of sessions) this.#events.onClosed(session);
  }

  /** There is a process again, if there was none. */
  start(): void {
    if (this.#state === "dead") this.#state = "running";
  }

  #publisher(stream: string): ModelSession | undefined {
    for (const session of this.#sessions) {
      if (session.intent === "publish" && session.stream === stream) return session;
    }
    return undefined;
  }

  #handle(handle: () => void): void {
    if (this.#state === "frozen") this.#waiting.push(handle);
    else if (this.#state === "running") handle();
  }
}
