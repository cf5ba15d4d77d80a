// A lane and the main thread without threads: their messages are copied, as between threads, and
// delivered when the test says so.

import { Desk, type DeskServices } from "../../src/lane/desk.ts";
import type { KnownAnswersOptions } from "../../src/lane/known_answers.ts";
import { MainThread } from "../../src/lane/main_thread.ts";
import type { FromLane, ToLane } from "../../src/lane/messages.ts";

/** Calls back when the message arrives; messages arrive in the order sent. */
export type Carry = (arrived: () => void) => void;

/** How messages are delivered in each direction. */
export interface LaneWireOptions extends KnownAnswersOptions {
  readonly services: DeskServices;
  readonly toMain: Carry;
  readonly toLane: Carry;
}

/** Both ends of the wire. */
export class LaneWire {
  /** The main thread as the lane sees it. */
  readonly main: MainThread;
  /** The lane as the main thread sees it. */
  readonly desk: Desk;

  constructor({ services, changes, now, toMain, toLane }: LaneWireOptions) {
    this.desk = new Desk(services, (message) => {
      const copy = structuredClone(message);
      toLane(() => this.#takeInLane(copy));
    });
    const post = (message: FromLane) => {
      const copy = structuredClone(message);
      toMain(() => this.#takeInMain(copy));
    };
    this.main = new MainThread(post, { changes, now });
  }

  #takeInMain(message: FromLane): void {
    if (message.type === "question") this.desk.answer(message);
    else if (message.type === "notice") this.desk.take(message.notice);
  }

  #takeInLane(message: ToLane): void {
    if (message.type === "answer") this.main.answered(message.id, message.answer);
    else if (message.type === "refusal") this.main.refused(message.id, message.error);
  }
}
