// Logs a failure at the level that fits whoever caused it.

import type { ProxyError } from "../core/errors.ts";
import type { logger } from "../core/log.ts";

/**
 * Logs a constant text with the error's code and message and these fields: as info if a client caused the
 * error, as a warning if an origin did, otherwise as an error. The cause, if any, is logged too.
 */
export function logFailure(
  log: ReturnType<typeof logger>,
  text: string,
  error: ProxyError,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  const { code, message, cause } = error;
  const all = { ...fields, code, reason: message, cause };
  if (error.source === "client") log.info(text, all);
  else if (error.source === "origin") log.warn(text, all);
  else log.error(text, all);
}
