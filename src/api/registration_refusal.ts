// Logs a refused registration, for an operator who has hundreds of origins and looks for the misconfigured
// one: who sent it, and who it claims to be.

import { readBoundedText } from "../core/bounded_body.ts";
import type { Clock } from "../core/clock.ts";
import { formatAddress } from "../core/endpoint.ts";
import type { ProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import type { Address } from "../core/address.ts";
import { logFailure } from "./log_failure.ts";

/** Most characters of a name that are shown. */
const LONGEST_NAME = 128;
/** How much of an unread body to read: enough for a name, without waiting for the rest. */
const PEEK = { limit: 8 * 1024, deadline: 1_000 };

const LOG = logger("api");

/** A refused registration; `body` as far as it was read. */
export interface RefusedRegistration {
  readonly peer: Address | undefined;
  readonly body: string | undefined;
  readonly error: ProxyError;
}

/** Logs it, as a warning if it is the sender's fault. */
export function logRefusedRegistration({ peer, body, error }: RefusedRegistration): void {
  const fields = { peer: peer && formatAddress(peer), ...namesIn(body) };
  if (error.source !== "client") return logFailure(LOG, "Registration refused", error, fields);
  LOG.warn("Registration refused", { ...fields, code: error.code, reason: error.message });
}

/** The body of a request that is refused anyway, if it is short and has arrived. */
export async function peekBody(request: Request, clock: Clock): Promise<string | undefined> {
  try {
    return request.bodyUsed ? undefined : await readBoundedText(request, { ...PEEK, clock });
  } catch {
    return undefined;
  }
}

function namesIn(body: string | undefined): Record<string, string> {
  const said = body === undefined ? undefined : parseJson(body);
  if (typeof said !== "object" || said === null) return {};
  return Object.fromEntries(
    Object.entries(said).filter(([key, value]) => {
      return (key === "server" || key === "device_id") && typeof value === "string" && value !== "";
    }).map(([key, value]) => [key, String(value).slice(0, LONGEST_NAME)]),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
