// Errors sent between threads: an Error that is posted as such loses its class and code.

import { type ErrorCode, ProxyError, toProxyError } from "../core/errors.ts";

/** A ProxyError as plain data. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  /** The cause, for operators only. */
  readonly detail: string | undefined;
}

/** An error in a form that can be posted. */
export function sendError(thrown: unknown): SentError {
  const { code, message, cause } = toProxyError(thrown);
  const isDefect = code === "internal";
  return { code, message, detail: cause === undefined ? undefined : detailOf(cause, isDefect) };
}

export function receiveError({ code, message, detail }: SentError): ProxyError {
  return new ProxyError(code, message, detail === undefined ? {} : { cause: new Error(detail) });
}

/** The stack is worth keeping only for defects. */
function detailOf(cause: unknown, isDefect: boolean): string {
  if (!(cause instanceof Error)) return String(cause);
  return isDefect ? cause.stack ?? cause.message : cause.message;
}
