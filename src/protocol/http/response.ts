// Responses of origins: the status line and how the body ends. RFC 9112 sections 4 and 6.3.

import { ProtocolError } from "../../core/errors.ts";
import { announcedLength, type BodyLength, type Fields, type Head, wantsToStay } from "./head.ts";

/** A response whose body has not been read. */
export interface HttpResponse {
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  readonly bodyLength: BodyLength;
  /** Whether the connection can serve another request once the body has been read. */
  readonly reusable: boolean;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: (.*))?$/;

/**
 * Understands a head as the response to a request of that method.
 *
 * @throws ProtocolError when it is none, or one to a request that the proxy never sends
 */
export function understandResponse({ start, fields }: Head, method: string): HttpResponse {
  const [, minor, digits, reason = ""] = STATUS_LINE.exec(start) ?? [];
  if (minor === undefined) throw new ProtocolError("Cannot read the status line");
  const status = Number(digits);
  if (status === 101) throw new ProtocolError("Cannot switch to another protocol");
  const version = minor === "1" ? "1.1" : "1.0";
  // Read even if there is no body: whoever passes the fields on relies on them to be valid.
  const announced = announcedLength(fields, version) ?? "until_close";
  const isBodiless = method === "HEAD" || status < 200 || status === 204 || status === 304;
  const bodyLength = isBodiless ? 0 : announced;
  const reusable = wantsToStay(fields, version) && bodyLength !== "until_close";
  return { status, reason, fields, bodyLength, reusable };
}
