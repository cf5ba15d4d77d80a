// The header fields that the proxy adds, removes or changes between an origin and a client, after
// RFC 9110 section 7.6. CORS fields are those that SRS sends.

import { corsFor } from "../../core/cors.ts";
import type { Origin } from "../../core/origin.ts";
import { rewriteLink } from "../../protocol/hls/link.ts";
import { endToEnd, type Field } from "../../protocol/http/head.ts";
import type { HttpRequest } from "../../protocol/http/request.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";

/** The fields of the origin's response as the client gets them, without the framing. */
export function responseFields(
  response: HttpResponse,
  request: HttpRequest,
  context: { readonly origin: Origin; readonly corsOrigins: readonly string[] },
): Field[] {
  const target = {
    spbhid: undefined,
    clientHost: request.host,
    originAddresses: context.origin.endpoints.http,
  };
  const kept = endToEnd(response.fields).filter(({ name }) => {
    const lower = name.toLowerCase();
    return !lower.startsWith("access-control-") && lower !== "content-length";
  });
  const moved = kept.map(({ name, value }) => {
    const isLocation = /^(content-)?location$/i.test(name);
    return { name, value: isLocation ? rewriteLink(value, target) : value };
  });
  return [...moved, ...corsFields(request, context.corsOrigins)];
}

/** The fields that allow web pages of other sites to read a response. */
export function corsFields(request: HttpRequest, allowed: readonly string[]): Field[] {
  return corsFor(request.fields.get("origin"), allowed, ACCESS);
}

const ACCESS: readonly Field[] = [
  { name: "Access-Control-Allow-Methods", value: "GET, HEAD, OPTIONS" },
  { name: "Access-Control-Allow-Headers", value: "*" },
  { name: "Access-Control-Expose-Headers", value: "*" },
];

/** The fields that say where the body ends; undefined when only the end of the connection does. */
export function framingOf(
  { bodyLength, fields, status }: HttpResponse,
  method: string,
  unframe: boolean,
): Field[] | undefined {
  if (method === "HEAD" || status === 304) {
    const length = fields.get("content-length");
    return length === undefined ? [] : [{ name: "Content-Length", value: length }];
  }
  if (status === 204) return [];
  if (typeof bodyLength === "number") return [{ name: "Content-Length", value: `${bodyLength}` }];
  if (bodyLength === "until_close" || unframe) return undefined;
  return [{ name: "Transfer-Encoding", value: "chunked" }];
}

/** Fields that describe the origin's bytes; wrong once the body has been rewritten. */
export const REPRESENTATION = new Set(["accept-ranges", "content-md5", "digest", "repr-digest"]);
