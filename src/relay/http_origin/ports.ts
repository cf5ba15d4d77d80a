// What it takes to ask origins over HTTP, whichever relay does it.

import type { Metrics, Resolver } from "../../core/ports.ts";

/** Deadlines towards one origin, milliseconds. */
export interface OriginHttpTimeouts {
  /** TCP dial. */
  readonly dial: number;
  /** From the request to the head of the response. */
  readonly answer: number;
}

/** Everything that asking origins needs of its surroundings. */
export interface OriginHttpPorts {
  readonly timeouts: OriginHttpTimeouts;
  readonly resolver: Pick<Resolver, "reached" | "unreachable">;
  readonly metrics: Metrics;
}
