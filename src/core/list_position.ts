// Where a page of a long list begins. Entries are numbered as they are added, and a page names the number
// of its last entry, so that the list can be continued even if that entry is gone.

import type { PageRequest } from "./registrar.ts";
import { ProxyError } from "./errors.ts";

/**
 * The number after which the page begins.
 *
 * @throws ProxyError `bad_request` when `after` is not a number as described above
 */
export function positionOf({ after = "0" }: PageRequest): number {
  const position = Number(after);
  if (Number.isSafeInteger(position) && position >= 0) return position;
  throw new ProxyError("bad_request", `Cannot continue a list: current value is ${after}`);
}
