// What a client is told whose session the proxy ends before it has begun: the same in every protocol.

import type { EndedBy } from "./contracts.ts";
import { type ErrorCode, ProxyError } from "./errors.ts";

/** Why the proxy ends what neither side has ended. */
type Ending = EndedBy | "shutdown";

const MEANINGS: Readonly<Record<Ending, readonly [ErrorCode, string]>> = {
  kicked: ["kicked", "Session was ended by the operator"],
  origin_down: ["origin_gone", "Origin does not answer any more"],
  stream_moved: ["origin_gone", "Stream has moved to another origin"],
  shutdown: ["draining", "Server is shutting down"],
};

/** The error of a session that ends for this reason instead of beginning. */
export function endedBy(reason: Ending): ProxyError {
  return new ProxyError(...MEANINGS[reason]);
}

/** Whether the proxy has ended a session that has ended for this reason. */
export function isEnding(reason: string): reason is Ending {
  return Object.hasOwn(MEANINGS, reason);
}
