// Requests: parses the request line and decides whether a request is acceptable. RFC 9112 sections
// 3 and 6, RFC 9110 section 7.2.

import { ProtocolError } from "../../core/errors.ts";
import { parseIp } from "../../core/ip_address.ts";
import { announcedLength, type Fields, type Head, type HttpVersion, wantsToStay } from "./head.ts";

/** A request whose body, if any, has not been read. */
export interface HttpRequest {
  readonly method: string;
  /** Path as sent, percent-encoded, beginning with `/`; `*` only for OPTIONS. */
  readonly path: string;
  /** Query as sent, without `?`. */
  readonly query: string;
  /** Host header, port included, with an IPv6 address in brackets; empty if there is none. */
  readonly host: string;
  readonly fields: Fields;
  readonly version: HttpVersion;
  readonly bodyLength: number | "chunked";
  /** Whether the client wants to keep the connection. */
  readonly keepAlive: boolean;
}

const REQUEST_LINE = /^([A-Z]{1,20}) ([\x21-\x7e]+) HTTP\/1\.([01])$/;

/**
 * Interprets a head as a request.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { encodeHead, parseHead } from "./head.ts";
 *
 * const host = { name: "Host", value: "tv.example" };
 * const head = parseHead(encodeHead("GET /live/show.flv?a=1 HTTP/1.1", [host]));
 * const { method, path, query, keepAlive } = understandRequest(head);
 * assert.deepEqual([method, path, query, keepAlive], ["GET", "/live/show.flv", "a=1", true]);
 * ```
 *
 * @throws ProtocolError on every form that servers are known to read differently
 */
export function understandRequest({ start, fields, lineEnd }: Head): HttpRequest {
  const [, method = "", sentTarget = "", minor] = REQUEST_LINE.exec(start) ?? [];
  if (minor === undefined) throw new ProtocolError("Cannot read the request line");
  const version = minor === "1" ? "1.1" : "1.0";
  const target = splitTarget(method, sentTarget);
  const { path, query } = target;
  const host = chooseHost(target, fields.all("host"));
  const bodyLength = announcedLength(fields, version) ?? 0;
  // A reader that needs a CR may take what follows as part of this head, so only one request is
  // accepted.
  const keepAlive = lineEnd === "crlf" && wantsToStay(fields, version);
  if (lineEnd === "lf" && bodyLength !== 0) {
    throw new ProtocolError("Cannot accept a body after lines that end without CR");
  }
  return { method, path, query, host, fields, version, bodyLength, keepAlive };
}

/** A parsed request target; `authority` only if it was in absolute form. */
interface Target {
  readonly path: string;
  readonly query: string;
  readonly scheme?: string;
  readonly authority?: string;
}

const TARGET = /^(?:(https?):\/\/([^/?#]*))?(\/[^?#]*)?(?:\?([^#]*))?$/i;

function splitTarget(method: string, target: string): Target {
  if (target === "*" && method === "OPTIONS") return { path: "*", query: "" };
  const match = method === "CONNECT" ? null : TARGET.exec(target);
  const [, scheme, authority, path, query = ""] = match ?? [];
  if (scheme !== undefined && authority !== undefined) {
    return { path: path ?? "/", query, scheme: scheme.toLowerCase(), authority };
  }
  if (path === undefined) throw new ProtocolError("Cannot read the request target");
  return { path, query };
}

/**
 * The host that a request is for; empty if it does not say, which SRS accepts although RFC 9112
 * section 3.2 requires a refusal over HTTP/1.1. A target and a Host that disagree are refused,
 * although RFC 9112 section 3.2.2 lets the target win, because a proxy in front of us may have used
 * the other one.
 */
function chooseHost(
  { scheme, authority }: Target,
  hosts: readonly string[],
): string {
  if (hosts.length > 1) throw new ProtocolError("Cannot accept a request with more than one Host");
  const host = withBrackets(authority ?? hosts[0] ?? "");
  const mayBeEmpty = authority === undefined;
  if (host === "" ? !mayBeEmpty : !isHost(host)) throw new ProtocolError("Cannot read Host");
  const defaultPort = scheme === "https" ? /:(?:443)?$/ : /:(?:80)?$/;
  const comparable = (name: string) => name.toLowerCase().replace(defaultPort, "");
  if (comparable(withBrackets(hosts[0] ?? host)) !== comparable(host)) {
    throw new ProtocolError("Cannot accept a Host other than that of the target");
  }
  return host;
}

/** Adds missing brackets: SRS's heartbeat writes an IPv6 address and its port without them. */
function withBrackets(host: string): string {
  if (host.length > LONGEST_HOST) return host;
  const isIpv6 = (text: string) => parseIp(text)?.length === 16;
  const [, address = "", port] = /^(.*):(\d{1,5})$/.exec(host) ?? [];
  if (isIpv6(address)) return `[${address}]:${port}`;
  return isIpv6(host) ? `[${host}]` : host;
}

const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;

/** Most characters of a host: the longest name has 253, and a port with its colon six. */
const LONGEST_HOST = 260;

/** Whether it is a name or address with or without a port, as the host of a URL may be. */
function isHost(host: string): boolean {
  return host.length <= LONGEST_HOST && HOST.test(host) && URL.canParse(`http://${host}/`);
}
