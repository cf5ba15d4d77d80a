// An encoder as people run it: it publishes, and when its connection ends it reconnects at once.

import { Publisher } from "./ffmpeg.ts";
import { pause } from "./wait.ts";

const RETRY_DELAY = 100;

/** Publishes until it is disposed of, over as many connections as needed. */
export class Encoder implements AsyncDisposable {
  readonly stream: string;
  /** When each connection was started, in milliseconds of `performance.now()`. */
  readonly starts: number[] = [];
  readonly #url: string;
  readonly #finished: Promise<void>;
  #publisher: Publisher | undefined;
  #stopped = false;

  /** @param urlOf gives the URL of a stream, so that the encoder knows the name it publishes */
  constructor(stream: string, urlOf: (stream: string) => string) {
    this.stream = stream;
    this.#url = urlOf(stream);
    this.#finished = this.#run();
  }

  /** Ends the current connection, as a person would if it seemed stuck; the next one follows. */
  async restart(): Promise<void> {
    await this.#publisher?.process.kill();
  }

  /** The current ffmpeg's output, for errors. */
  get errorText(): string {
    return this.#publisher?.process.errorText ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.restart();
    await this.#finished;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const publisher = await Publisher.open(this.#url);
      this.#publisher = publisher;
      this.starts.push(performance.now());
      if (this.#stopped) await publisher.process.kill();
      await publisher.process.ended;
      if (!this.#stopped) await pause(RETRY_DELAY);
    }
  }
}
