// Posts events to a URL of the operator's: several at a time, signed, and retried for a while. Waiting events
// are bounded by a listener's queue; lost ones are counted.

import { createHmac } from "node:crypto";
import { type Clock, within } from "../core/clock.ts";
import { logger } from "../core/log.ts";
import type { EventFeed, EventListenerQueue, FeedEvent } from "./event_feed.ts";

export interface WebhookOptions {
  readonly clock: Clock;
  readonly events: EventFeed;
  readonly url: string;
  /** Signs every request; absent = unsigned. */
  readonly secret: string | undefined;
  /** Sends a request and resolves to the status of its answer. */
  readonly send: (request: Request) => Promise<number>;
  /** Called with the number of events given up. */
  readonly onDropped: (count: number) => void;
}

const BATCH = 100;
/** Milliseconds for one request, and between attempts: doubling from the first pause to the longest. */
const TIMEOUT = 10_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const MOST_TRIES = 8;
const LOG = logger("api");

export class Webhook implements AsyncDisposable {
  readonly #options: WebhookOptions;
  readonly #listener: EventListenerQueue;
  readonly #finished: Promise<void>;
  readonly #over = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  #hasFailed = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#listener = options.events.listen();
    this.#finished = this.#run();
  }

  /** Events not sent yet are dropped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener[Symbol.dispose]();
    this.#over.resolve();
    this.#ending.abort();
    await this.#finished;
  }

  async #run(): Promise<void> {
    while (!this.#listener.isOver) {
      await this.#listener.news;
      const events = this.#listener.take();
      for (let at = 0; at < events.length && !this.#listener.isOver; at += BATCH) {
        await this.#deliver(events.slice(at, at + BATCH));
      }
    }
  }

  async #deliver(events: readonly FeedEvent[]): Promise<void> {
    const { clock, onDropped, url } = this.#options;
    const body = JSON.stringify({ events });
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const status = await this.#try(body);
      if (this.#listener.isOver) return;
      if (status >= 200 && status < 300) return this.#succeeded();
      if (!this.#hasFailed) LOG.warn("Events cannot be delivered", { url: placeOf(url), status });
      this.#hasFailed = true;
      if (!isWorthAnother(status)) break;
      const rest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** tries);
      await within(clock, rest, this.#over.promise, () => {});
    }
    if (!this.#listener.isOver) onDropped(events.length);
  }

  #succeeded(): void {
    if (this.#hasFailed) {
      LOG.info("Events are delivered again", { url: placeOf(this.#options.url) });
    }
    this.#hasFailed = false;
  }

  /** @returns 0 when there is no answer */
  async #try(body: string): Promise<number> {
    const { clock, url, secret, send } = this.#options;
    const gone = new AbortController();
    using _deadline = clock.after(TIMEOUT, () => gone.abort());
    const headers = new Headers({ "content-type": "application/json" });
    if (secret !== undefined) {
      headers.set("x-srs-proxy-signature", `sha256=${signatureOf(body, secret)}`);
    }
    const signal = AbortSignal.any([gone.signal, this.#ending.signal]);
    try {
      return await send(new Request(url, { method: "POST", headers, body, signal }));
    } catch {
      return 0;
    }
  }
}

/** Whether to retry: no answer, too many requests, or a failure of the receiver. */
function isWorthAnother(status: number): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500;
}

/** HMAC-SHA256 of the body, in hexadecimal. */
function signatureOf(body: string, secret: string): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** For the log, without path and query: they may contain a secret. */
function placeOf(url: string): string {
  return new URL(url).origin;
}
