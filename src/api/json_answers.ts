// The shape of the APIs' JSON answers, which is SRS's: `code` 0 and the requested data, or another `code` and
// a sentence for the caller in `data`.

import type { Context, Env, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { toProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import { logFailure } from "./log_failure.ts";

const LOG = logger("api");

/** An error answer; the code is the HTTP status. */
export function answerError(context: Context, status: number, message: string): Response {
  return context.json({ code: status, data: message }, status as ContentfulStatusCode);
}

/** Makes the app answer in JSON for unknown paths and for exceptions. */
export function answerErrorsInJson<E extends Env>(app: Hono<E>): void {
  app.notFound((context) => answerError(context, 404, "Not found"));
  app.onError((thrown, context) => {
    const error = toProxyError(thrown);
    if (error.source === "internal") logFailure(LOG, "Request failed", error);
    return answerError(context, error.httpStatus, error.message);
  });
}
