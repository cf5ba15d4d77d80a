// What a request to the HTTP server is about, as far as its method, path and query tell. Pure.

import type { StreamKey } from "../../core/stream_key.ts";
import { streamKeyFromHttp } from "../../core/stream_key.ts";
import { ProxyError } from "../../core/errors.ts";
import { decodeSpbhid, takeSpbhid } from "../../protocol/hls/spbhid.ts";
import type { HttpRequest } from "../../protocol/http/request.ts";

/** What kind of thing an origin is asked for. */
export type MediaKind =
  /** A stream without end. */
  | "live"
  /** An HLS playlist or a DASH manifest, whose links lead through the proxy. */
  | "hls"
  | "dash"
  /** A segment, a key, a part: bytes that pass as they are. */
  | "part";

/** A request for media. */
export interface MediaRequest {
  readonly kind: MediaKind;
  readonly key: StreamKey;
  /** By which the request names its origin, when it does. */
  readonly originTag?: string;
  /** Query for the origin, without what is the proxy's own. */
  readonly query: string;
}

const EXTENSION = /\.([a-z0-9]+)$/i;
const LIVE = new Set(["flv", "ts", "mp3", "aac"]);

/**
 * Undefined when the request is for no media.
 *
 * @throws ProxyError `not_found` for an `spbhid` that nobody gave out, `bad_request` for a path
 * that cannot name a stream
 */
export function mediaRequestOf(request: HttpRequest): MediaRequest | undefined {
  const { path, host } = request;
  requirePlainPath(path);
  const { spbhid, rest } = takeSpbhid(request.query);
  const extension = EXTENSION.exec(path)?.[1]?.toLowerCase() ?? "";
  const playlist = extension === "m3u8" ? "hls" : extension === "mpd" ? "dash" : undefined;
  if (spbhid === undefined) {
    const kind = playlist ?? (LIVE.has(extension) ? "live" : undefined);
    if (kind === undefined) return undefined;
    return { kind, key: streamKeyFromHttp({ host, path, query: rest }), query: rest };
  }
  const named = decodeSpbhid(spbhid);
  if (named === undefined) {
    throw new ProxyError("not_found", "Cannot find the stream of this address");
  }
  const { key, originTag } = named;
  return { kind: playlist ?? "part", key, originTag, query: rest };
}

/** What one server takes for a name and another for a step to another folder is passed to none. */
function requirePlainPath(path: string): void {
  const isOdd = /\/\.{1,2}(?:\/|$)|\/%2e|%2f|%5c|%00|\\/i.test(path);
  if (isOdd) throw new ProxyError("bad_request", "Cannot use this path");
}
