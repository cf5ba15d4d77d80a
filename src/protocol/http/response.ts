// Responses of origins: the status line and how the body ends. RFC 9112 sections 4 and 6.3.

import { ProtocolError } from "../../core/errors.ts";
import { announcedLength, type BodyLength, type Fields, type Head } from "./head.ts";

/** A response whose body has not been read. */
export interface HttpResponse {
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  readonly bodyLength: BodyLength;
  /** Whether the connection can serve another request once the body has been read. */
  readonly reusable: boolean;
}

/**
 * Understands a head as the response to a request of that method.
 *
 * @throws ProtocolError when it is none
 */
export function understandResponse({ start, fields }: Head, method: string): HttpResponse {
  const match = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(start);
  if (match === null) throw new ProtocolError("Cannot read the status line");
  const status = Number(match[2]);
  const isBodiless = method === "HEAD" || status < 200 || status === 204 || status === 304;
  const bodyLength = isBodiless ? 0 : announcedLength(fields) ?? "until_close";
  const options = fields.tokens("connection");
  const wantsToStay = match[1] === "1"
    ? !options.includes("close")
    : options.includes("keep-alive");
  const reusable = wantsToStay && bodyLength !== "until_close";
  return { status, reason: match[3] ?? "", fields, bodyLength, reusable };
}
