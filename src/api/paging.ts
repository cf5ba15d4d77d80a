// Parameters of a request for a list: which page, and which entries. The same in every list.

import type { Context } from "hono";
import { ProxyError } from "../core/errors.ts";
import type { PageRequest } from "../core/registrar.ts";

const DEFAULT_PAGE = 100;
const LONGEST_PAGE = 1_000;
const LONGEST_FILTER = 1_024;

/** @throws ProxyError `bad_request` when the limit is out of range */
export function pageOf(context: Context): PageRequest {
  const text = context.req.query("limit") ?? String(DEFAULT_PAGE);
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LONGEST_PAGE) {
    const message =
      `Cannot list anything but 1 to ${LONGEST_PAGE} entries: current value is ${text}`;
    throw new ProxyError("bad_request", message);
  }
  const after = context.req.query("after");
  return after === undefined ? { limit } : { limit, after };
}

/**
 * The text of a filter; undefined if the request has none.
 *
 * @throws ProxyError `bad_request` when it is too long for any entry
 */
export function filterOf(context: Context, name: string): string | undefined {
  const text = context.req.query(name);
  if (text === undefined || text.length <= LONGEST_FILTER) return text === "" ? undefined : text;
  const message = `Cannot filter by over ${LONGEST_FILTER} characters: ${name} has ${text.length}`;
  throw new ProxyError("bad_request", message);
}

/** One of these words; undefined if the request has none. @throws ProxyError `bad_request` */
export function choiceOf<T extends string>(
  context: Context,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = filterOf(context, name);
  const choice = choices.find((each) => each === text);
  if (text === undefined || choice !== undefined) return choice;
  const known = choices.join(", ");
  throw new ProxyError("bad_request", `Cannot filter by ${name} other than ${known}`);
}
