// Why the registry names no origin.

import { ProxyError } from "../core/errors.ts";
import type { StreamRequest } from "../core/ports.ts";

/** Nobody offers what the request asks for, or nobody who does can be reached. */
export function noOriginFor({ protocol, failed }: StreamRequest): ProxyError {
  const message = failed.length > 0
    ? `Cannot reach an origin for this stream: current value is ${failed.length} tried`
    : `Cannot serve this stream: no origin offers ${protocol} for it`;
  return new ProxyError("no_origin", message);
}

/** The one origin that has the stream cannot be reached. */
export function originOutOfReach(): ProxyError {
  return new ProxyError("origin_unreachable", "Cannot reach the origin where this stream runs");
}

/** Another publisher of the stream runs at an origin where this one cannot be taken. */
export function runsElsewhere(): ProxyError {
  return new ProxyError("stream_busy", "Stream is busy: it is being published already");
}
