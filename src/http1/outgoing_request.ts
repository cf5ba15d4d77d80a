// Builds the request for an origin: the client's own, except for the framing, the proxy's loop
// mark, and the X-Forwarded-* fields that say who the client is (the predecessors of RFC 7239). RFC
// 9110 section 7.6.

import { type Cidr, cidrContains } from "../core/cidr.ts";
import { trustedWay } from "../core/client_address.ts";
import type { HopMark } from "../core/hop_mark.ts";
import type { Address } from "../core/address.ts";
import { encodeHead, endToEnd, type Field } from "../protocol/http/head.ts";
import type { HttpRequest } from "../protocol/http/request.ts";

/** A request for an origin, ready to be written. */
export interface OutgoingRequest {
  readonly method: string;
  /** The client that it is for. */
  readonly client: Address;
  readonly head: Uint8Array;
  /** The body. A request with a body is never sent twice. */
  readonly body?: Uint8Array | undefined;
}

/** The parts of a client's request that are sent to the origin. */
export type ClientRequest = Pick<HttpRequest, "method" | "path" | "host" | "fields" | "version">;

/** How the request for the origin differs from the client's. */
export interface RequestChanges {
  readonly query: string;
  /** Whether the proxy reads the response body, so that it must not be compressed. */
  readonly readable: boolean;
  readonly peer: Address;
  /** Whether the client uses TLS. */
  readonly isSecure: boolean;
  readonly trustedProxies: readonly Cidr[];
  readonly hopMark: HopMark;
  /** The whole body, if any; must not be changed until the origin has answered. */
  readonly body?: Uint8Array | undefined;
}

const FORWARDED = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-real-ip",
]);

/**
 * Builds the request for the origin, with the client's own Host and fields that say who the client
 * is.
 */
export function outgoingRequest(request: ClientRequest, changes: RequestChanges): OutgoingRequest {
  const { method, path, host } = request;
  // HTTP/1.1 requires a Host, and servers refuse an empty one.
  const version = host === "" ? "1.0" : request.version;
  const target = changes.query === "" ? path : `${path}?${changes.query}`;
  const left = changes.readable ? ["accept-encoding", "range", "if-range"] : [];
  const fields = endToEnd(request.fields).filter(({ name }) => {
    const lower = name.toLowerCase();
    return lower !== "host" && lower !== "content-length" && lower !== "expect" &&
      !FORWARDED.has(lower) && !left.includes(lower);
  });
  const way = wayOf(request, changes);
  const head = encodeHead(`${method} ${target} HTTP/${version}`, [
    ...(host === "" ? [] : [{ name: "Host", value: host }]),
    ...fields,
    ...(changes.body ? [{ name: "Content-Length", value: String(changes.body.length) }] : []),
    { name: "Via", value: changes.hopMark.via(request.version) },
    ...forwardedFields(request, changes, way),
    ...(version === "1.0" ? [{ name: "Connection", value: "close" }] : []),
  ]);
  return {
    method,
    client: clientOf(way, changes.peer),
    head,
    body: changes.body,
  };
}

/** The client's host, followed by the trusted proxies that the request has passed through. */
function wayOf({ fields }: ClientRequest, changes: RequestChanges): string[] {
  const { peer: { host: peer }, trustedProxies } = changes;
  const forwardedFor = fields.all("x-forwarded-for");
  return trustedWay({ peer, forwardedFor, realIp: fields.get("x-real-ip") }, trustedProxies);
}

/** The first host of the way. Its port is known only if it is the peer itself. */
function clientOf([host]: readonly string[], peer: Address): Address {
  return host === undefined || host === peer.host ? peer : { host, port: 0 };
}

function forwardedFields(
  { fields, host }: ClientRequest,
  changes: RequestChanges,
  way: readonly string[],
): Field[] {
  const { peer: { host: peer }, trustedProxies } = changes;
  const isTrusted = trustedProxies.some((cidr) => cidrContains(cidr, peer));
  const scheme = changes.isSecure ? "https" : "http";
  const told = (name: string) => isTrusted ? fields.get(name) : undefined;
  const forHost = told("x-forwarded-host") ?? host;
  return [
    // The client comes first: SRS takes the first address as the client's.
    { name: "X-Forwarded-For", value: way.join(", ") },
    { name: "X-Forwarded-Proto", value: told("x-forwarded-proto") ?? scheme },
    ...(forHost === "" ? [] : [{ name: "X-Forwarded-Host", value: forHost }]),
    { name: "X-Real-IP", value: way[0]! },
  ];
}
