// Asks Redis about mappings, in batches and with deadlines: decisions that somebody waits for, and work in
// the background. Knows no copy.

import { ProxyError } from "../../core/errors.ts";
import type { StreamRecord } from "../store.ts";
import type { Batcher } from "./batcher.ts";
import type { Gate } from "./gate.ts";
import type { MappingResult } from "./records.ts";
import type { Remote } from "./remote.ts";
import type { StreamOperation } from "./stream_operations.ts";

export interface MappingCallsOptions {
  readonly gate: Gate;
  readonly remote: Remote;
  readonly queue: Batcher<StreamOperation, MappingResult>;
  readonly maxStreams: number;
  /** Milliseconds for one reply that somebody waits for. */
  readonly wait: number;
  readonly now: () => number;
}

/** Milliseconds before our deadline by which Redis must decide, or the reply could arrive too late. */
const WAY_BACK = 30;

export class MappingCalls {
  readonly #options: MappingCallsOptions;

  constructor(options: MappingCallsOptions) {
    this.#options = options;
  }

  /**
   * Redis's decision; undefined if it does not come in time.
   *
   * @throws ProxyError `overloaded` when there is no room
   */
  async decide(wait: number, operation: StreamOperation): Promise<StreamRecord | undefined> {
    const { now, maxStreams } = this.#options;
    const deadline = now() + Math.min(this.#options.wait, wait);
    let result = await this.#submitBefore(deadline, operation);
    // Its clock may have been set forward since its last reply, as this one shows.
    if (result?.outcome === "late") result = await this.#submitBefore(deadline, operation);
    if (result?.outcome === "full") {
      const message = `Cannot serve another stream: the limit is ${maxStreams}`;
      throw new ProxyError("overloaded", message);
    }
    return result?.outcome === "holds" ? result.mapping.record : undefined;
  }

  /** @returns undefined if there is no reply in time */
  submit(wait: number, operation: StreamOperation): Promise<MappingResult | undefined> {
    const { gate, queue } = this.#options;
    return gate.ask(wait, (connection) => queue.submit(connection, operation));
  }

  /** A frozen Redis that comes back must not do what we have since decided differently. */
  #submitBefore(deadline: number, operation: StreamOperation): Promise<MappingResult | undefined> {
    const { now, remote } = this.#options;
    const before = remote.timeAt(deadline - WAY_BACK);
    const guarded = before === undefined ? operation : { ...operation, before };
    return this.submit(deadline - now(), guarded);
  }
}
