// Listens to the proxy's events, by fetch since EventSource cannot send a token. Only reports that something
// has changed: the current state is read from the lists, which are also read periodically, so that the
// console works without events.

/// <reference lib="dom" />

import { EventSourceParserStream } from "eventsource-parser/stream";
import { type ApiClient, ApiError } from "./api_client.ts";

/** Whether changes are reported at once. */
export type FeedState = "connecting" | "live" | "absent";

const PATH = "api/v1/events";
const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/** The events of one proxy; `close` ends it. */
export class ChangeFeed {
  readonly #api: ApiClient;
  readonly #leave = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #onState: (state: FeedState) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pause = SHORTEST_PAUSE;

  constructor(api: ApiClient, onState: (state: FeedState) => void) {
    this.#api = api;
    this.#onState = onState;
    void this.#listen();
  }

  /** Calls back whenever something has changed. @returns ends the subscription */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#leave.abort();
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  async #listen(): Promise<void> {
    const { signal } = this.#leave;
    this.#onState("connecting");
    try {
      const bytes = await this.#api.stream(PATH, signal);
      this.#onState("live");
      // Something may have happened while nobody listened.
      this.#tell();
      const text = bytes.pipeThrough(new TextDecoderStream() as ReadableWritablePair);
      for await (const _event of iterate(text.pipeThrough(new EventSourceParserStream()))) {
        this.#pause = SHORTEST_PAUSE;
        this.#tell();
      }
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return this.#onState("absent");
    }
    if (signal.aborted) return;
    this.#onState("connecting");
    this.#timer = setTimeout(() => void this.#listen(), this.#pause * (0.5 + Math.random()));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Not every browser can iterate over streams. */
async function* iterate<T>(stream: ReadableStream<T>): AsyncGenerator<T> {
  const reader = stream.getReader();
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
