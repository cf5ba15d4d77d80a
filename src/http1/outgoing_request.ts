// A request as an origin gets it: the client's own, except for its framing, the proxy's mark, and
// what only the proxy can know, which is who the client is. RFC 9110 section 7.6, RFC 7239's
// predecessors X-Forwarded-*.

import { type Cidr, cidrContains } from "../core/cidr.ts";
import { trustedWay } from "../core/client_address.ts";
import type { HopMark } from "../core/hop_mark.ts";
import type { Address } from "../core/address.ts";
import { encodeHead, endToEnd, type Field } from "../protocol/http/head.ts";
import type { HttpRequest } from "../protocol/http/request.ts";

/** A request for an origin, ready to be written. */
export interface OutgoingRequest {
  readonly method: string;
  /** Whose it is. */
  readonly client: Address;
  readonly head: Uint8Array;
  /** What follows the head; a request with a body is never sent twice. */
  readonly body?: Uint8Array | undefined;
}

/** What of a client's request goes to the origin. */
export type ClientRequest = Pick<HttpRequest, "method" | "path" | "host" | "fields" | "version">;

/** What the request for the origin differs in from the client's. */
export interface RequestChanges {
  readonly query: string;
  /** Whether the body has to be read here, so that it must come without compression. */
  readonly readable: boolean;
  readonly peer: Address;
  /** Whether the client speaks TLS with us. */
  readonly isSecure: boolean;
  readonly trustedProxies: readonly Cidr[];
  readonly hopMark: HopMark;
  /** The whole body, when there is one; not to be changed until the origin has answered. */
  readonly body?: Uint8Array | undefined;
}

const FORWARDED = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-real-ip",
]);

/** The request as the origin gets it: the client's own Host, and who the client is. */
export function outgoingRequest(request: ClientRequest, changes: RequestChanges): OutgoingRequest {
  const { method, path, host } = request;
  // Over HTTP/1.1 there is no request without a Host, and servers refuse an empty one.
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
    ...(changes.body ? { body: changes.body } : {}),
  };
}

/** Whom the request is from, and the trusted proxies that it has come through. */
function wayOf({ fields }: ClientRequest, changes: RequestChanges): string[] {
  const { peer: { host: peer }, trustedProxies } = changes;
  const forwardedFor = fields.all("x-forwarded-for");
  return trustedWay({ peer, forwardedFor, realIp: fields.get("x-real-ip") }, trustedProxies);
}

/** The first of the way; of all but the last the port is not known. */
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
    // The client comes first: SRS takes the first address for it.
    { name: "X-Forwarded-For", value: way.join(", ") },
    { name: "X-Forwarded-Proto", value: told("x-forwarded-proto") ?? scheme },
    ...(forHost === "" ? [] : [{ name: "X-Forwarded-Host", value: forHost }]),
    { name: "X-Real-IP", value: way[0]! },
  ];
}
