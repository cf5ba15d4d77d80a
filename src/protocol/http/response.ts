// Responses of origins: parses the status line and decides how the body ends. RFC 9112 sections 4
// and 6.3.

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
 * Interprets a head as the response to a request with that method.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { encodeHead, parseHead } from "./head.ts";
 *
 * const head = encodeHead("HTTP/1.1 200 OK", [{ name: "Content-Length", value: "5" }]);
 * const { status, bodyLength, reusable } = understandResponse(parseHead(head), "GET");
 * assert.deepEqual([status, bodyLength, reusable], [200, 5, true]);
 * ```
 *
 * @throws ProtocolError when it is not a response, or one to a request that the proxy never sends
 */
export function understandResponse({ start, fields }: Head, method: string): HttpResponse {
  const [, minor, digits, reason = ""] = STATUS_LINE.exec(start) ?? [];
  if (minor === undefined) throw new ProtocolError("Cannot read the status line");
  const status = Number(digits);
  if (status === 101) throw new ProtocolError("Cannot switch to another protocol");
  const version = minor === "1" ? "1.1" : "1.0";
  // Checked even if there is no body, because the fields are passed on.
  const announced = announcedLength(fields, version) ?? "until_close";
  const isBodiless = method === "HEAD" || status < 200 || status === 204 || status === 304;
  const bodyLength = isBodiless ? 0 : announced;
  const reusable = wantsToStay(fields, version) && bodyLength !== "until_close";
  return { status, reason, fields, bodyLength, reusable };
}
