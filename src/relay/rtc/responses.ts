// The HTTP API's responses to WebRTC requests: those of origins, passed on, and the proxy's own
// refusals in the form of SRS's JSON answers. CORS is added elsewhere.

import type { ProxyError } from "../../core/errors.ts";
import { endToEnd } from "../../protocol/http/head.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import { type LocationContext, readLocation } from "./session_address.ts";

/** Seconds after which a client may try again. */
const RETRY_AFTER = "2";
const BODILESS: readonly number[] = [204, 205, 304];

/** A refusal in JSON. */
export function refuse(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ code: status, data: message }, { status, headers });
}

/** A refusal in JSON for an error. */
export function refuseWith(error: ProxyError): Response {
  const { httpStatus } = error;
  return refuse(
    httpStatus,
    error.message,
    httpStatus === 503 ? { "retry-after": RETRY_AFTER } : {},
  );
}

export function refuseMethod(allow: string): Response {
  return refuse(405, `Cannot use this method: allowed are ${allow}`, { allow });
}

export function answerOptions(headers: Readonly<Record<string, string>>): Response {
  return new Response(null, { status: 204, headers });
}

/** The header fields of an origin's answer, without framing and CORS. */
export function passedHeaders(response: HttpResponse): Headers {
  const headers = new Headers();
  for (const { name, value } of endToEnd(response.fields)) {
    const lower = name.toLowerCase();
    if (lower.startsWith("access-control-") || lower === "content-length") continue;
    headers.append(name, value);
  }
  return headers;
}

/** Passes on an origin's answer, except for a Location that would bypass the proxy. */
export function passOn(
  response: HttpResponse,
  body: Uint8Array<ArrayBuffer>,
  context: LocationContext,
): Response {
  const headers = passedHeaders(response);
  const location = headers.get("location");
  if (location !== null) {
    const led = readLocation(location, context);
    if (led === undefined) headers.delete("location");
    else if (led.place === "origin") {
      headers.set("location", `${led.path}${led.query === "" ? "" : `?${led.query}`}`);
    }
  }
  const { status } = response;
  return new Response(BODILESS.includes(status) ? null : body, { status, headers });
}
