// What any relay needs to send HTTP requests to origins.

import type { OriginDependencies } from "../core/try_origins.ts";

/** Deadlines towards one origin, milliseconds. */
export interface OriginHttpTimeouts {
  /** TCP dial of one origin, all its addresses together. */
  readonly dial: number;
  /** From the request to the head of the response. */
  readonly answer: number;
}

export interface OriginHttpDependencies extends OriginDependencies {
  timeouts(): OriginHttpTimeouts;
}
