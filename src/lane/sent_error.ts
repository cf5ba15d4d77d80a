// Errors on their way between threads: an Error that is posted loses what it is.

import { type ErrorCode, ProxyError, toProxyError } from "../core/errors.ts";

/** A ProxyError as plain data. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  /** What has caused it, for operators alone. */
  readonly detail: string | undefined;
}

/** An error as it can be sent. */
export function sendError(thrown: unknown): SentError {
  const { code, message, cause } = toProxyError(thrown);
  const isDefect = code === "internal";
  return { code, message, detail: cause === undefined ? undefined : detailOf(cause, isDefect) };
}

/** The error that was sent. */
export function receiveError({ code, message, detail }: SentError): ProxyError {
  return new ProxyError(code, message, detail === undefined ? {} : { cause: new Error(detail) });
}

/** Where it was thrown is worth knowing only of what should never be. */
function detailOf(cause: unknown, isDefect: boolean): string {
  if (!(cause instanceof Error)) return String(cause);
  return isDefect ? cause.stack ?? cause.message : cause.message;
}
