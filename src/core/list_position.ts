// Where a page of a long list begins. Entries are numbered as they come, and a page names the number
// of its last entry: it can be continued although that entry has gone.

import type { PageRequest } from "./registrar.ts";
import { ProxyError } from "./errors.ts";

/**
 * The number after which a page begins, in a list whose entries are numbered as they come.
 *
 * @throws ProxyError `bad_request` when `after` is not such a number
 */
export function positionOf({ after = "0" }: PageRequest): number {
  const position = Number(after);
  if (Number.isSafeInteger(position) && position >= 0) return position;
  throw new ProxyError("bad_request", `Cannot continue a list: current value is ${after}`);
}
