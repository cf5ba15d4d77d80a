// Decides whether a link of a playlist, manifest or redirect leads back to the stream's origin, and
// if so makes it lead through the proxy. Edits the text as RFC 3986 splits it and resolves nothing:
// `$Number%05d$` in a DASH template or unusual characters in a name must stay unchanged. Paths need
// no change, because the proxy asks the origin for the same path.

import { normalizeIp } from "../../core/endpoint.ts";
import type { Address } from "../../core/address.ts";
import { SPBHID, takeSpbhid } from "./spbhid.ts";

/** What the links to be rewritten may lead to. */
export interface LinkTarget {
  /** The value added to every link to the origin; undefined to fix addresses only. */
  readonly spbhid: string | undefined;
  /** The Host of the client's request, which names the proxy as the client knows it. */
  readonly clientHost: string;
  /** The origin's own HTTP addresses, to which no client may be sent. */
  readonly originAddresses: readonly Address[];
}

/**
 * Where a link leads: `relative` to the document, to the `client`'s Host, to an address of the
 * `origin`, or `elsewhere`.
 */
export type LinkPlace = "relative" | "client" | "origin" | "elsewhere";

/** RFC 3986, appendix B. */
const PARTS = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(#[^]*)?$/i;
const SPACE = " \t\r\n";

interface Parts {
  readonly place: LinkPlace;
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  readonly path: string;
  readonly query: string | undefined;
  /** Including the `#`. */
  readonly fragment: string;
}

/** Where a link leads, ignoring surrounding white space. */
export function placeOf(link: string, target: LinkTarget): LinkPlace {
  return splitLink(trimSpace(link).text, target).place;
}

/**
 * Rewrites a link for the client: adds or replaces the parameter, and removes an address of the
 * origin. Links that lead elsewhere and empty ones are returned unchanged; white space around a
 * link is kept.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const originAddresses = [{ host: "10.0.0.5", port: 8080 }];
 * const target = { spbhid: "x", clientHost: "proxy.example", originAddresses };
 * assert.equal(rewriteLink("7.ts?a=1", target), "7.ts?a=1&spbhid=x");
 * assert.equal(rewriteLink("http://10.0.0.5:8080/live/7.ts", target), "/live/7.ts?spbhid=x");
 * assert.equal(rewriteLink("https://cdn.example/7.ts", target), "https://cdn.example/7.ts");
 * ```
 */
export function rewriteLink(link: string, target: LinkTarget): string {
  const { before, text, after } = trimSpace(link);
  const parts = splitLink(text, target);
  const isSameDocument = parts.place === "relative" && parts.path === "" && !parts.query;
  if (parts.place === "elsewhere" || isSameDocument) return link;
  return before + join(parts, target.spbhid) + after;
}

/**
 * Strips only ASCII white space: a byte that `trim` strips may be part of a multi-byte character.
 */
function trimSpace(link: string): { before: string; text: string; after: string } {
  let start = 0;
  let end = link.length;
  while (start < end && SPACE.includes(link.charAt(start))) start++;
  while (end > start && SPACE.includes(link.charAt(end - 1))) end--;
  return { before: link.slice(0, start), text: link.slice(start, end), after: link.slice(end) };
}

function splitLink(link: string, target: LinkTarget): Parts {
  const [, scheme, authority, path = "", query, fragment = ""] = PARTS.exec(link) ?? [];
  const isOdd = hasControlCharacter(link);
  const place = isOdd ? "elsewhere" : placeOfAuthority(scheme, authority, target);
  return { place, scheme, authority, path, query, fragment };
}

/**
 * Browsers drop some of these before they read a link, so it is unclear where such a link leads.
 */
function hasControlCharacter(link: string): boolean {
  for (let at = 0; at < link.length; at++) {
    const code = link.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function placeOfAuthority(
  scheme: string | undefined,
  authority: string | undefined,
  target: LinkTarget,
): LinkPlace {
  if (scheme === undefined && authority === undefined) return "relative";
  const isHttp = scheme === undefined || /^https?$/i.test(scheme);
  if (!isHttp || !authority) return "elsewhere";
  if (withoutDefaultPort(authority) === withoutDefaultPort(target.clientHost)) return "client";
  return namesOrigin(authority, scheme, target.originAddresses) ? "origin" : "elsewhere";
}

function withoutDefaultPort(authority: string): string {
  return authority.toLowerCase().replace(/:(?:80|443)?$/, "");
}

/** Only a listed port counts, because there may be other origins at the same address. */
function namesOrigin(
  authority: string,
  scheme: string | undefined,
  addresses: readonly Address[],
): boolean {
  const [, bracketed, bare, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(authority) ?? [];
  const ip = normalizeIp(bracketed ?? bare ?? "");
  if (ip === undefined) return false;
  const port = digits ? Number(digits) : scheme?.toLowerCase() === "https" ? 443 : 80;
  return addresses.some((address) => normalizeIp(address.host) === ip && address.port === port);
}

function join(parts: Parts, spbhid: string | undefined): string {
  const { place, scheme, authority, path, query, fragment } = parts;
  const address = place === "client" ? `${scheme ? `${scheme}:` : ""}//${authority}` : "";
  const newQuery = spbhid === undefined ? query : withSpbhid(query ?? "", spbhid);
  const search = newQuery === undefined ? "" : `?${newQuery}`;
  return address + (place === "origin" ? pathAlone(path) : path) + search + fragment;
}

/** The absolute path, in a form that cannot be taken for an address when it stands alone. */
function pathAlone(path: string): string {
  if (path === "") return "/";
  return /^\/[/\\]/.test(path) ? `/.${path}` : path;
}

function withSpbhid(query: string, spbhid: string): string {
  const { rest } = takeSpbhid(query);
  return `${rest}${rest === "" ? "" : "&"}${SPBHID}=${spbhid}`;
}
