// Addresses to which clients are told to send media, as people and SRS write them: an IP address or a name,
// with or without a port. Looks nothing up.

import { ProxyError } from "./errors.ts";
import { normalizeIp } from "./endpoint.ts";

export interface MediaTarget {
  /** An IP address in canonical text, without brackets, or a host name in lower case. */
  readonly host: string;
  /** If it differs from the proxy's own port, as it may behind a load balancer. */
  readonly port?: number;
}

const TEXT = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * Parses `ip`, `ip:port`, `[v6]:port`, `v6`, `name` or `name:port`.
 *
 * @throws ProxyError `bad_request`
 */
export function parseMediaTarget(text: string): MediaTarget {
  const alone = normalizeIp(text);
  if (alone !== undefined) return { host: alone };
  const [, bracketed, bare, digits] = TEXT.exec(text) ?? [];
  const host = hostOf(bracketed, bare);
  const port = digits === undefined ? undefined : Number(digits);
  if (host !== undefined && (port === undefined || (port > 0 && port < 65536))) {
    return port === undefined ? { host } : { host, port };
  }
  const shown = JSON.stringify(text.slice(0, 64));
  throw new ProxyError(
    "bad_request",
    `Cannot use as an address for media: current value is ${shown}`,
  );
}

function hostOf(bracketed: string | undefined, bare: string | undefined): string | undefined {
  if (bracketed !== undefined) return bracketed.includes(":") ? normalizeIp(bracketed) : undefined;
  const name = bare?.toLowerCase() ?? "";
  return normalizeIp(name) ?? (isName(name) ? name : undefined);
}

/** A name whose last label is a number is more likely a misspelt address. */
function isName(text: string): boolean {
  const labels = text.split(".");
  const isNumber = /^\d+$/.test(labels.at(-1)!);
  return text.length <= 253 && !isNumber && labels.every((label) => LABEL.test(label));
}
