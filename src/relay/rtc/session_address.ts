// The URLs of sessions: an origin's Location as its client may follow it, with a proof that whoever
// uses it has received the session's answer.

import { createHmac } from "node:crypto";
import { normalizeIp } from "../../core/endpoint.ts";
import type { Address } from "../../core/address.ts";
import type { RtcSession } from "../../core/contracts.ts";
import { encodeBase64Url } from "../../core/base64url.ts";
import { takeParameter } from "../../protocol/http/query.ts";
import { originTagOf } from "../../core/origin_tag.ts";
import { SPBSID } from "../../protocol/rtc/session_tag.ts";

/** Sessions live below this path; nothing else of an origin's API is reached through a session. */
export const SESSION_FOLDER = "/rtc/v1/";

const PROOF_BYTES = 8;

/** What a Location is read against. */
export interface LocationContext {
  /** Host and path of the request that was answered with it. */
  readonly host: string;
  readonly path: string;
  /** The origin's own addresses of its API, which no client may be sent to. */
  readonly originAddresses: readonly Address[];
}

/** Where a Location leads: to the `origin` itself, with its target there, or `elsewhere`. */
export type LocationPlace =
  | { readonly place: "origin"; readonly path: string; readonly query: string }
  | { readonly place: "elsewhere" };

/** Reads a Location; undefined when it is no address of HTTP. */
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

/** The address of a session at the proxy: the origin's own target and the tag. */
export function sessionAddress(path: string, query: string, tag: string): string {
  const { rest } = takeParameter(query, SPBSID);
  return `${path}?${rest}${rest === "" ? "" : "&"}${SPBSID}=${tag}`;
}

/** Only who knows the session's password can compute this. */
export function proofOf(session: RtcSession): string {
  const { user, password, stream, intent, origin } = session;
  const said = [user, stream, intent, originTagOf(origin)].join(" ");
  const digest = createHmac("sha256", password).update(said).digest();
  return encodeBase64Url(digest.subarray(0, PROOF_BYTES));
}
