// Collects the calls to Redis made at one moment and sends them together, in order: a burst of new streams
// costs a few calls instead of one each. Does not know what they ask.

import type { RedisCalls } from "./calls.ts";

/** Asks questions over a connection. @returns one answer for each, in order */
export type AskTogether<Q, A> = (
  connection: RedisCalls,
  questions: readonly Q[],
) => Promise<readonly A[]>;

interface Waiting<Q, A> {
  readonly connection: RedisCalls;
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/** A batch of this size blocks Redis's other clients for less than a millisecond. */
const MOST_AT_ONCE = 64;

export class Batcher<Q, A> {
  readonly #ask: AskTogether<Q, A>;
  #waiting: Waiting<Q, A>[] = [];

  constructor(ask: AskTogether<Q, A>) {
    this.#ask = ask;
  }

  /** Fails as the connection does. */
  submit(connection: RedisCalls, question: Q): Promise<A> {
    const { promise, resolve, reject } = Promise.withResolvers<A>();
    if (this.#waiting.length === 0) queueMicrotask(() => this.#send());
    this.#waiting.push({ connection, question, resolve, reject });
    return promise;
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < waiting.length;) {
      const { connection } = waiting[start]!;
      let end = start + 1;
      while (end < waiting.length && end - start < MOST_AT_ONCE) {
        if (waiting[end]!.connection !== connection) break;
        end++;
      }
      this.#sendTogether(connection, waiting.slice(start, end));
      start = end;
    }
  }

  async #sendTogether(
    connection: RedisCalls,
    waiting: readonly Waiting<Q, A>[],
  ): Promise<void> {
    try {
      const answers = await this.#ask(connection, waiting.map(({ question }) => question));
      waiting.forEach(({ resolve }, at) => resolve(answers[at]!));
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
