// Decides whether Redis is asked at all. One call that fails or takes too long is enough to stop asking:
// from then on the proxy decides alone, without waiting, until Redis has proved healthy again. So no request
// waits for Redis twice, and a struggling Redis gets no further load.

import { ErrorReply } from "@redis/client";
import { type Clock, within } from "../../core/clock.ts";
import { logger } from "../../core/log.ts";
import type { Metrics } from "../../core/contracts.ts";
import type { RedisCalls } from "./calls.ts";
import { reasonOf } from "./link.ts";

export interface GateOptions {
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** The connection, while there is one. */
  readonly connection: () => RedisCalls | undefined;
  /** From now on this proxy decides alone. */
  readonly onShut: () => void;
}

const LOG = logger("redis");

/** Why Redis is not asked, in words that anybody may read; the log has the details. */
const TROUBLES = {
  late: "Redis does not answer in time",
  refused: "Redis refuses commands",
  lost: "Redis cannot be reached",
} as const;

/** A timer that is late by this many milliseconds shows that the process was busy. */
const BUSY = 15;
/** Milliseconds in which a reply that has already arrived is read. */
const LOOK_AGAIN = { busy: 30, idle: 10 };

/** A call has taken too long. */
class LateAnswer extends Error {
  override readonly name = "LateAnswer";
}

export class Gate {
  readonly #options: GateOptions;
  #trouble: string | undefined = TROUBLES.lost;
  #reason = "";
  #shutAt: number;
  /** How often the gate was opened. */
  #era = 0;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#shutAt = options.clock.now();
    options.metrics.gauge("srs_proxy_redis_up", 0);
  }

  /** Why Redis is not asked; undefined while it is. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  get isOpen(): boolean {
    return this.#trouble === undefined;
  }

  /**
   * Asks Redis if the gate is open, and waits at most this many milliseconds.
   *
   * @returns undefined when there is no reply; the gate is shut then
   */
  async ask<T>(
    wait: number,
    call: (connection: RedisCalls) => Promise<T>,
  ): Promise<T | undefined> {
    const connection = this.#options.connection();
    if (!this.isOpen || !connection || wait <= 0) return undefined;
    const era = this.#era;
    try {
      return await answerWithin(this.#options.clock, wait, call(connection));
    } catch (error) {
      // A failure from before the gate was reopened says nothing about now.
      if (era === this.#era) this.shut(error);
      return undefined;
    }
  }

  /** Redis is healthy, and knows what we know. */
  open(): void {
    if (this.isOpen) return;
    this.#trouble = undefined;
    this.#era++;
    this.#options.metrics.gauge("srs_proxy_redis_up", 1);
    const shutFor = this.#options.clock.now() - this.#shutAt;
    LOG.info("Redis is asked", { afterMs: Math.round(shutFor) });
  }

  /** @param error why Redis is no longer to be asked */
  shut(error: unknown): void {
    const kind = kindOf(error);
    this.#options.metrics.count("srs_proxy_redis_errors_total", { kind });
    const wasOpen = this.isOpen;
    this.#trouble = TROUBLES[kind];
    this.#report(reasonOf(error), wasOpen);
    if (!wasOpen) return;
    this.#shutAt = this.#options.clock.now();
    this.#options.metrics.gauge("srs_proxy_redis_up", 0);
    this.#options.onShut();
  }

  /** Logs one line at the beginning, and one whenever the reason changes. */
  #report(reason: string, isNews: boolean): void {
    if (isNews) LOG.warn("Redis is not available, deciding alone", { reason });
    else if (reason !== this.#reason) LOG.warn("Redis is not available yet", { reason });
    this.#reason = reason;
  }
}

/**
 * Settles as the promise does, or fails after this many milliseconds and a few more: if this process was
 * too busy to look, replies that have already arrived are read first.
 */
function answerWithin<T>(clock: Clock, wait: number, answer: Promise<T>): Promise<T> {
  const due = clock.now() + wait;
  return within(clock, wait, answer, () => {
    const again = clock.now() - due > BUSY ? LOOK_AGAIN.busy : LOOK_AGAIN.idle;
    return within(clock, again, answer, () => {
      throw new LateAnswer("Redis did not answer in time");
    });
  });
}

function kindOf(error: unknown): keyof typeof TROUBLES {
  if (error instanceof LateAnswer) return "late";
  return error instanceof ErrorReply ? "refused" : "lost";
}
