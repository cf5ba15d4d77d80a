// An origin: accepts one publisher for each stream and tells a second one that the stream is busy;
// viewers wait for a publisher. It can be killed, frozen, restarted or fall silent. Knows no
// registry, and proxies only as peers to answer.

import type { Clock } from "../../src/core/clock.ts";
import type { Origin } from "../../src/core/origin.ts";
import { sampleOrigin } from "../contract/sample_origin.ts";
import type { ModelSession } from "./model_session.ts";

/** An origin's answer to a request for a stream. */
export type Decision = "accepted" | "busy";

export interface OriginEvents {
  /** The origin has died, and its sessions' connections with it. */
  onClosed(session: ModelSession): void;
}

export class ModelOrigin {
  readonly id: string;
  isSilent = false;
  readonly #clock: Clock;
  readonly #events: OriginEvents;
  readonly #sessions = new Set<ModelSession>();
  /** Sessions still to be decided on. */
  readonly #asking = new Set<ModelSession>();
  /** What has arrived while it was frozen. */
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

  /** Its registration. */
  get record(): Origin {
    const generation = `service/${this.#generation}`;
    return sampleOrigin(this.id, { generation, offers: ["rtmp", "srt", "http"] });
  }

  /** Whether this stream is published here. */
  hasPublisher(stream: string): boolean {
    return this.#publisher(stream) !== undefined;
  }

  /** A proxy asks for a session. @param decide called with the decision, unless the origin dies */
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

  /** Identifies the current freeze; undefined if it is not frozen. */
  get frozen(): symbol | undefined {
    return this.#state === "frozen" ? this.#freeze : undefined;
  }

  /** @returns an id for this freeze; undefined if it was already frozen or dead */
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

  /** Starts the process if it is not running. */
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
