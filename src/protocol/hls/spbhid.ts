// The `spbhid` parameter, which the proxy adds to every link of a playlist to find a segment's
// origin again. A segment's path does not say: `live/show-7.ts` may be segment 7 of `live/show` or
// a segment of `live/show-7`, and origins choose their file names. So the value itself names the
// stream and the origin. It is computed from those two alone: nothing is stored, every viewer gets
// the same value (so caches work), and every proxy that knows the origin understands it.
//
// base64url, without padding, of: version (1 byte), tag of the origin's id (7), checksum (4),
// stream key in UTF-8 with the default vhost left empty. The checksum detects accidents, not
// forgery: anybody can compute it. That is harmless, because a value only names a stream by a valid
// key and selects a registered origin, as a player does by asking for the stream. Serving a segment
// must therefore not make its origin the owner of the stream.

import { ProxyError } from "../../core/errors.ts";
import { DEFAULT_VHOST, type StreamKey, streamKeyFromHttp } from "../../core/stream_key.ts";
import { decodeBase64Url, encodeBase64Url } from "../../core/base64url.ts";
import { takeParameter } from "../http/query.ts";
import { murmur3 } from "../../core/murmur3.ts";
import { originTagOf, TAG_LENGTH } from "../../core/origin_tag.ts";

export interface Spbhid {
  readonly key: StreamKey;
  /** `originTagOf` the origin's id. */
  readonly originTag: string;
}

export const SPBHID = "spbhid";

const VERSION = 1;
const HEAD_LENGTH = 1 + TAG_LENGTH + 4;
/** Three names of 256 bytes and the slashes between them, as base64. */
const MAX_TEXT_LENGTH = Math.ceil((HEAD_LENGTH + 3 * 256 + 2) * 4 / 3);
const CHECKSUM_SEED = 0x5b1d0003;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes the value for a stream at an origin: at most 1,043 characters of base64url.
 *
 * @param of `origin` is the origin's id
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const key = { vhost: "tv.example", app: "live", stream: "show", key: "tv.example/live/show" };
 * const text = encodeSpbhid({ key, origin: "vid-1" });
 * assert.deepEqual(decodeSpbhid(text), { key, originTag: "f9a6b79eacc449" });
 * assert.equal(decodeSpbhid(text.toLowerCase()), undefined);
 * ```
 */
export function encodeSpbhid(of: { readonly key: StreamKey; readonly origin: string }): string {
  return compose(of.key, originTagOf(of.origin));
}

/** Decodes a value; undefined if it is invalid in any way. */
export function decodeSpbhid(text: string): Spbhid | undefined {
  if (text.length > MAX_TEXT_LENGTH || !/^[\w-]+$/.test(text)) return undefined;
  const bytes = decodeBase64Url(text);
  if (bytes === undefined || bytes.length <= HEAD_LENGTH || bytes[0] !== VERSION) return undefined;
  if (new DataView(bytes.buffer).getUint32(1 + TAG_LENGTH) !== checksum(bytes)) return undefined;
  const key = parseKey(bytes.subarray(HEAD_LENGTH));
  if (key === undefined) return undefined;
  const originTag = hexOf(bytes.subarray(1, 1 + TAG_LENGTH));
  // A stream at an origin has exactly one value: other encodings of the same bytes are refused.
  return compose(key, originTag) === text ? { key, originTag } : undefined;
}

/**
 * Splits a query into the parameter's first value and the rest, which is otherwise unchanged.
 *
 * @param query without `?`
 */
export function takeSpbhid(query: string): { readonly spbhid?: string; readonly rest: string } {
  const { value, rest } = takeParameter(query, SPBHID);
  return value === undefined ? { rest } : { spbhid: value, rest };
}

function compose(key: StreamKey, originTag: string): string {
  const vhost = key.vhost === DEFAULT_VHOST ? "" : key.vhost;
  const name = ENCODER.encode(`${vhost}/${key.app}/${key.stream}`);
  const bytes = new Uint8Array(HEAD_LENGTH + name.length);
  bytes[0] = VERSION;
  for (let at = 0; at < TAG_LENGTH; at++) {
    bytes[1 + at] = parseInt(originTag.slice(2 * at, 2 * at + 2), 16);
  }
  bytes.set(name, HEAD_LENGTH);
  new DataView(bytes.buffer).setUint32(1 + TAG_LENGTH, checksum(bytes));
  return encodeBase64Url(bytes);
}

/** The checksum of everything but the checksum itself. */
function checksum(bytes: Uint8Array): number {
  const seed = murmur3(bytes.subarray(0, 1 + TAG_LENGTH), CHECKSUM_SEED);
  return murmur3(bytes.subarray(HEAD_LENGTH), seed);
}

/** Parses a key. It is valid if the rules for requests make the same key from its names. */
function parseKey(bytes: Uint8Array): StreamKey | undefined {
  try {
    const [vhost = "", ...names] = DECODER.decode(bytes).split("/");
    // With an extension appended, a name of dots would be accepted.
    if (names.some((name) => name === "." || name === "..")) return undefined;
    // The appended extension is stripped again, so that a name that ends like one keeps its own.
    const path = `/${names.map(percentEncode).join("/")}.ts`;
    const key = streamKeyFromHttp({ host: "", path, query: `vhost=${percentEncode(vhost)}` });
    return key.key === [vhost || DEFAULT_VHOST, ...names].join("/") ? key : undefined;
  } catch (error) {
    if (error instanceof ProxyError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Encodes every byte, because dots and commas also have a meaning in names. */
function percentEncode(text: string): string {
  return Array.from(ENCODER.encode(text), (byte) => `%${hexOf([byte])}`).join("");
}

function hexOf(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
