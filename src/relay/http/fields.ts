// The header fields that the proxy adds, takes away or changes on the way, in both directions.
// RFC 9110 section 7.6, RFC 7239's ancestors X-Forwarded-*, CORS as SRS answers it.

import { type Cidr, cidrContains } from "../../core/cidr.ts";
import type { Address, Origin } from "../../core/origin.ts";
import { rewriteLink } from "../../protocol/hls/link.ts";
import { encodeHead, endToEnd, type Field } from "../../protocol/http/head.ts";
import type { HttpRequest } from "../../protocol/http/request.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import type { OutgoingRequest } from "./forward.ts";

/** What the request for the origin differs in from the client's. */
export interface RequestChanges {
  readonly query: string;
  /** Whether the body has to be read here, so that it must come without compression. */
  readonly readable: boolean;
  readonly peer: Address;
  readonly trustedProxies: readonly Cidr[];
}

const FORWARDED = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-real-ip",
]);

/** The request as the origin gets it: the client's own Host, and who the client is. */
export function outgoingRequest(request: HttpRequest, changes: RequestChanges): OutgoingRequest {
  const { method, path, host, version } = request;
  const target = changes.query === "" ? path : `${path}?${changes.query}`;
  const left = changes.readable ? ["accept-encoding", "range", "if-range"] : [];
  const fields = endToEnd(request.fields).filter(({ name }) => {
    const lower = name.toLowerCase();
    return lower !== "host" && lower !== "content-length" && lower !== "expect" &&
      !FORWARDED.has(lower) && !left.includes(lower);
  });
  const head = encodeHead(`${method} ${target} HTTP/${version}`, [
    { name: "Host", value: host },
    ...fields,
    ...forwardedFields(request, changes),
    ...(version === "1.0" ? [{ name: "Connection", value: "close" }] : []),
  ]);
  return { method, head };
}

function forwardedFields({ fields, host }: HttpRequest, changes: RequestChanges): Field[] {
  const { peer, trustedProxies } = changes;
  const isTrusted = trustedProxies.some((cidr) => cidrContains(cidr, peer.host));
  const told = (name: string) => isTrusted ? fields.get(name) : undefined;
  const chain = isTrusted ? fields.all("x-forwarded-for") : [];
  const client = chain.join(",").split(",", 1)[0]!.trim() || peer.host;
  return [
    { name: "X-Forwarded-For", value: [...chain, peer.host].join(", ") },
    { name: "X-Forwarded-Proto", value: told("x-forwarded-proto") ?? "http" },
    { name: "X-Forwarded-Host", value: told("x-forwarded-host") ?? host },
    { name: "X-Real-IP", value: told("x-real-ip") ?? client },
  ];
}

/** The fields of the origin's response as the client gets them, framing left out. */
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

/** What lets web pages of other sites read an answer. */
export function corsFields(request: HttpRequest, allowed: readonly string[]): Field[] {
  const site = request.fields.get("origin");
  const open = allowed.length === 0;
  if (!open && (site === undefined || !allowed.includes(site))) {
    return [{ name: "Vary", value: "Origin" }];
  }
  const fields = [
    { name: "Access-Control-Allow-Origin", value: open ? "*" : site! },
    { name: "Access-Control-Allow-Methods", value: "GET, HEAD, OPTIONS" },
    { name: "Access-Control-Allow-Headers", value: "*" },
    { name: "Access-Control-Expose-Headers", value: "*" },
  ];
  return open ? fields : [...fields, { name: "Vary", value: "Origin" }];
}
