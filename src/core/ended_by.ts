// What a client is told if the proxy ends its session before it has begun: the same in every protocol.

import type { EndedBy } from "./contracts.ts";
import { type ErrorCode, ProxyError } from "./errors.ts";

/** Why the proxy ends a session that neither side has ended. */
type Ending = EndedBy | "shutdown";

/** Reasons that concern the origin, and not the session. */
export type AboutOrigin = Extract<EndedBy, "origin_down" | "stream_moved">;

const MEANINGS: Readonly<Record<Ending, readonly [ErrorCode, string]>> = {
  kicked: ["kicked", "Session was ended by the operator"],
  origin_down: ["origin_gone", "Origin does not answer any more"],
  stream_moved: ["origin_gone", "Stream has moved to another origin"],
  shutdown: ["draining", "Server is shutting down"],
};

/** The error for a session that is ended for this reason before it begins. */
export function endedBy(reason: Ending): ProxyError {
  return new ProxyError(...MEANINGS[reason]);
}

/** Whether a session that has not begun may still do so, at another origin. */
export function isAboutOrigin(reason: string): reason is AboutOrigin {
  return reason === "origin_down" || reason === "stream_moved";
}

/** Whether this reason is the proxy's own. */
export function isEnding(reason: string): reason is Ending {
  return Object.hasOwn(MEANINGS, reason);
}
