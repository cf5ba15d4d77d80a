// Requests: the first line, and all that makes one acceptable. RFC 9112 sections 3 and 6,
// RFC 9110 section 7.2.

import { ProtocolError } from "../../core/errors.ts";
import { announcedLength, type Fields, type Head } from "./head.ts";

/** A request whose body, if it has one, has not been read. */
export interface HttpRequest {
  readonly method: string;
  /** Path as sent, percent-encoded, beginning with `/`; `*` only for OPTIONS. */
  readonly path: string;
  /** Query as sent, without `?`. */
  readonly query: string;
  /** Host header, port included; empty only over HTTP/1.0. */
  readonly host: string;
  readonly fields: Fields;
  readonly version: "1.0" | "1.1";
  readonly bodyLength: number | "chunked";
  /** Whether the client wants the connection to go on. */
  readonly keepAlive: boolean;
}

/**
 * Understands a head as a request.
 *
 * @throws ProtocolError on every shape that servers are known to read in different ways
 */
export function understandRequest({ start, fields }: Head): HttpRequest {
  const match = /^([A-Z]{1,20}) ([\x21-\x7e]+) HTTP\/1\.([01])$/.exec(start);
  if (match === null) throw new ProtocolError("Cannot read the request line");
  const version = match[3] === "1" ? "1.1" : "1.0";
  const method = match[1]!;
  const target = splitTarget(method, match[2]!);
  const hosts = fields.all("host");
  if (hosts.length > 1 || (hosts.length === 0 && version === "1.1")) {
    throw new ProtocolError("Cannot take a request without exactly one Host");
  }
  const host = target.host ?? hosts[0] ?? "";
  if (!HOST.test(host)) throw new ProtocolError("Cannot read Host");
  if (version === "1.0" && fields.get("transfer-encoding") !== undefined) {
    throw new ProtocolError("Cannot take a transfer encoding over HTTP/1.0");
  }
  const bodyLength = announcedLength(fields) ?? 0;
  const options = fields.tokens("connection");
  const keepAlive = version === "1.1" ? !options.includes("close") : options.includes("keep-alive");
  return { method, ...target, host, fields, version, bodyLength, keepAlive };
}

const HOST = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;

function splitTarget(
  method: string,
  target: string,
): { path: string; query: string; host?: string } {
  if (target === "*" && method === "OPTIONS") return { path: "*", query: "" };
  const match = /^(?:https?:\/\/([^/?#]*))?(\/[^?#]*)?(?:\?([^#]*))?$/.exec(target);
  if (match === null || (match[1] === undefined && match[2] === undefined)) {
    throw new ProtocolError("Cannot read the request target");
  }
  const [, host, path = "/", query = ""] = match;
  return { path, query, ...(host === undefined ? {} : { host }) };
}
