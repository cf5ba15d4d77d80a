// The program's one error type, and what each code means on the wire. Knows no encoding, only the numbers
// and names that encoders look up.

/** Who caused an error; it decides the log level and who may read the message. */
export type ErrorSource = "client" | "origin" | "registry" | "internal";

/** Every way in which a request can fail. */
export type ErrorCode =
  | "bad_request"
  | "unauthorized"
  | "not_found"
  | "stream_busy"
  | "too_large"
  | "timeout"
  | "client_gone"
  | "kicked"
  | "no_origin"
  | "origin_unreachable"
  | "origin_timeout"
  | "origin_gone"
  | "origin_refused"
  | "overloaded"
  | "draining"
  | "registry_unavailable"
  | "loop"
  | "internal";

interface WireMeaning {
  readonly source: ErrorSource;
  readonly retryable: boolean;
  readonly httpStatus: number;
  readonly rtmpPublish: string;
  readonly rtmpPlay: string;
  readonly srtReject: number;
}

const PUBLISH_FAILED = "NetStream.Publish.Failed";
const PLAY_FAILED = "NetStream.Play.Failed";

const MEANINGS: Readonly<Record<ErrorCode, WireMeaning>> = {
  bad_request: meaning("client", false, 400, 1400, "NetStream.Publish.BadName", PLAY_FAILED),
  unauthorized: meaning("client", false, 401, 1401, "NetStream.Publish.Denied", PLAY_FAILED),
  not_found: meaning("client", false, 404, 1404, PUBLISH_FAILED, "NetStream.Play.StreamNotFound"),
  stream_busy: meaning("client", true, 409, 1409, "NetStream.Publish.BadName", PLAY_FAILED),
  too_large: meaning("client", false, 413, 1406, "NetStream.Publish.BadName", PLAY_FAILED),
  timeout: meaning("client", false, 408, 1400, PUBLISH_FAILED, PLAY_FAILED),
  client_gone: meaning("client", false, 499, 1400, PUBLISH_FAILED, PLAY_FAILED),
  kicked: meaning("client", false, 403, 1403, "NetStream.Publish.Denied", PLAY_FAILED),
  no_origin: meaning("registry", true, 503, 1503, PUBLISH_FAILED, PLAY_FAILED),
  origin_unreachable: meaning("origin", true, 502, 1502, PUBLISH_FAILED, PLAY_FAILED),
  origin_timeout: meaning("origin", true, 504, 1502, PUBLISH_FAILED, PLAY_FAILED),
  origin_gone: meaning("origin", true, 502, 1502, PUBLISH_FAILED, PLAY_FAILED),
  origin_refused: meaning("origin", false, 502, 1403, "NetStream.Publish.Denied", PLAY_FAILED),
  overloaded: meaning("client", true, 503, 1402, PUBLISH_FAILED, PLAY_FAILED),
  draining: meaning("client", true, 503, 1503, PUBLISH_FAILED, PLAY_FAILED),
  registry_unavailable: meaning("registry", true, 503, 1503, PUBLISH_FAILED, PLAY_FAILED),
  loop: meaning("origin", false, 508, 1502, PUBLISH_FAILED, PLAY_FAILED),
  internal: meaning("internal", false, 500, 1500, PUBLISH_FAILED, PLAY_FAILED),
};

export const ERROR_CODES: readonly ErrorCode[] = Object.keys(MEANINGS) as ErrorCode[];

function meaning(
  source: ErrorSource,
  retryable: boolean,
  httpStatus: number,
  srtReject: number,
  ...[rtmpPublish, rtmpPlay]: [string, string]
): WireMeaning {
  return { source, retryable, httpStatus, srtReject, rtmpPublish, rtmpPlay };
}

/**
 * An expected failure of a request or a session.
 *
 * `message` may be shown to the client: sentence case, no period, never an origin's address. What only
 * operators may read goes into `cause`.
 */
export class ProxyError extends Error {
  override readonly name: string = "ProxyError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get source(): ErrorSource {
    return MEANINGS[this.code].source;
  }

  /** Whether the same request may succeed at another origin or a little later. */
  get retryable(): boolean {
    return MEANINGS[this.code].retryable;
  }

  get httpStatus(): number {
    return MEANINGS[this.code].httpStatus;
  }

  /** The reject reason for an SRT caller: SRT_REJX_* of libsrt's access_control.h. */
  get srtReject(): number {
    return MEANINGS[this.code].srtReject;
  }

  /** The `code` of the RTMP `onStatus` that reports this error to a publisher or a player. */
  rtmpStatus(intent: "publish" | "play"): string {
    return intent === "publish" ? MEANINGS[this.code].rtmpPublish : MEANINGS[this.code].rtmpPlay;
  }
}

/** Failures of one origin that another one may not have. */
export type OriginFault = "origin_unreachable" | "origin_timeout" | "origin_gone";

/** Whether the origin is at fault, so that another one is worth trying. */
export function isOriginFault(
  error: unknown,
): error is ProxyError & { readonly code: OriginFault } {
  return error instanceof ProxyError && error.source === "origin" && error.retryable;
}

/** Bytes that break their protocol. Code under protocol/ throws this and nothing else. */
export class ProtocolError extends ProxyError {
  override readonly name = "ProtocolError";

  constructor(message: string) {
    super("bad_request", message);
  }
}

/**
 * Runs a parser on bytes from an origin, so that a protocol error is not blamed on the client.
 *
 * @throws ProxyError with that message and code instead of a ProtocolError
 */
export function blameOrigin<T>(
  message: string,
  read: () => T,
  code: OriginFault = "origin_gone",
): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ProxyError(code, message, { cause });
  }
}

/** Wraps anything thrown into a ProxyError; a ProxyError is returned unchanged. */
export function toProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  return new ProxyError("internal", "Internal error", { cause: error });
}
