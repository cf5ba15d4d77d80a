// The errors for requests that get no origin.

import { ProxyError } from "../core/errors.ts";
import type { StreamRequest } from "../core/contracts.ts";

/** For operators: what is missing if no origin has ever registered. */
const HOW_TO_REGISTER =
  "Point the heartbeat of each SRS at /api/v1/srs/register of the System API, or set " +
  "PROXY_DEFAULT_BACKEND_ENABLED";

/**
 * No origin offers what the request asks for, or none that does can be reached.
 *
 * @param known number of origins, if that was looked up
 */
export function noOriginFor({ protocol, failed }: StreamRequest, known?: number): ProxyError {
  if (known === 0 && failed.length === 0) {
    const message = "Cannot serve this stream: no origin has registered";
    return new ProxyError("no_origin", message, { cause: HOW_TO_REGISTER });
  }
  const message = failed.length > 0
    ? `Cannot reach an origin for this stream: ${failed.length} tried`
    : `Cannot serve this stream: no origin offers ${protocol} for it`;
  return new ProxyError("no_origin", message);
}

/** Operators have closed all origins that could take the stream. */
export function noOpenOrigin(label: string | undefined): ProxyError {
  const which = label === undefined ? "no origin" : "no origin of its group";
  return new ProxyError("no_origin", `Cannot serve this stream: ${which} takes new streams`);
}

/** The only origin that has the stream cannot be reached. */
export function originOutOfReach(): ProxyError {
  return new ProxyError("origin_unreachable", "Cannot reach the origin where this stream runs");
}

/** Another publisher of the stream runs at an origin where this one cannot be served. */
export function runsElsewhere(): ProxyError {
  return new ProxyError("stream_busy", "Stream is busy: it is being published already");
}
