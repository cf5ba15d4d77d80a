// Session URLs: an origin's Location rewritten for the client, with a proof that whoever uses it
// has received the session's answer.

import { createHmac } from "node:crypto";
import { normalizeIp } from "../../core/endpoint.ts";
import type { Address } from "../../core/address.ts";
import type { RtcSession } from "../../core/contracts.ts";
import { encodeBase64Url } from "../../core/base64url.ts";
import { takeParameter } from "../../protocol/http/query.ts";
import { originTagOf } from "../../core/origin_tag.ts";
import { SPBSID } from "../../protocol/rtc/session_tag.ts";

/**
 * The path below which sessions live; nothing else of an origin's API can be reached through a
 * session URL.
 */
export const SESSION_FOLDER = "/rtc/v1/";

const PROOF_BYTES = 8;

/** What a Location is resolved against. */
export interface LocationContext {
  /** Host and path of the request that it answers. */
  readonly host: string;
  readonly path: string;
  /** The addresses of the origin's API, to which no client may be sent. */
  readonly originAddresses: readonly Address[];
}

/** Where a Location leads: to a target at the `origin` itself, or `elsewhere`. */
export type LocationPlace =
  | { readonly place: "origin"; readonly path: string; readonly query: string }
  | { readonly place: "elsewhere" };

/** Parses a Location; undefined if it is not an HTTP URL. */
export function readLocation(text: string, context: LocationContext): LocationPlace | undefined {
  const base = `http://${context.host || "localhost"}${context.path}`;
  if (!URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  if (!/^https?:$/.test(url.protocol)) return undefined;
  const isClients = url.host === new URL(base).host;
  if (!isClients && !namesOrigin(url, context.originAddresses)) return { place: "elsewhere" };
  return { place: "origin", path: url.pathname, query: url.search.slice(1) };
}

function namesOrigin(url: URL, addresses: readonly Address[]): boolean {
  const ip = normalizeIp(url.hostname.replace(/^\[|\]$/g, ""));
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  return addresses.some((address) => normalizeIp(address.host) === ip && address.port === port);
}

/** The URL of a session at the proxy: the origin's own target and the tag. */
export function sessionAddress(path: string, query: string, tag: string): string {
  const { rest } = takeParameter(query, SPBSID);
  return `${path}?${rest}${rest === "" ? "" : "&"}${SPBSID}=${tag}`;
}

/** The proof, which only somebody with the session's password can compute. */
export function proofOf(session: RtcSession): string {
  const { user, password, stream, intent, origin } = session;
  const said = [user, stream, intent, originTagOf(origin)].join(" ");
  const digest = createHmac("sha256", password).update(said).digest();
  return encodeBase64Url(digest.subarray(0, PROOF_BYTES));
}
