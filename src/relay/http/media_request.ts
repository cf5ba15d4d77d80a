// Works out from method, path and query what an HTTP request is for, and which of several possible
// streams it means if some of them are known.

import { type StreamKey, streamKeyFromHttp } from "../../core/stream_key.ts";
import { ProxyError } from "../../core/errors.ts";
import type { PathTemplate } from "../../core/path_template.ts";
import { decodeSpbhid, takeSpbhid } from "../../protocol/hls/spbhid.ts";
import {
  extensionOf,
  isPartExtension,
  isPathOf,
  isServicePath,
  type MediaPath,
  streamsByName,
  streamsByTemplate,
} from "../../protocol/hls/stream_paths.ts";
import type { HttpRequest } from "../../protocol/http/request.ts";

export type MediaKind =
  /** An endless stream. */
  | "live"
  /** An HLS playlist or a DASH manifest, whose links are rewritten to lead through the proxy. */
  | "hls"
  | "dash"
  /** A segment, key or part: passed on unchanged. */
  | "part";

export interface MediaRequest {
  readonly kind: MediaKind;
  readonly key: StreamKey;
  /** Names the origin; absent if the request does not name one. */
  readonly originTag?: string;
  /** The query for the origin, without the proxy's own parameter. */
  readonly query: string;
  /** Whether a response without a length is a live stream. */
  readonly mayBeLive: boolean;
}

/** What a request may be for. */
export interface MediaWish {
  /** Candidates that apply if an origin has served their stream; the likeliest first. */
  readonly guesses: readonly MediaRequest[];
  /** What the request is for if no candidate applies; undefined if it is then not for media. */
  readonly otherwise: MediaRequest | undefined;
}

/** Most streams looked up for one request. */
const MAX_GUESSES = 8;
const NO_MEDIA: MediaWish = { guesses: [], otherwise: undefined };
const LIVE: ReadonlySet<string> = new Set(["flv", "ts", "mp3", "aac"]);

/**
 * What a request may be for.
 *
 * @param templates where origins put playlists and segments
 * @throws ProxyError `not_found` for an `spbhid` that nobody gave out for this path, `bad_request`
 * for a path that cannot name a stream
 */
export function mediaWishOf(request: HttpRequest, templates: readonly PathTemplate[]): MediaWish {
  const { path, host } = request;
  requirePlainPath(path);
  const { spbhid, rest: query } = takeSpbhid(request.query);
  const where: MediaPath = { host, path, query };
  if (spbhid !== undefined) {
    return { guesses: [], otherwise: taggedRequest(spbhid, where, templates) };
  }
  const extension = extensionOf(path);
  if (isServicePath(path)) return NO_MEDIA;
  const playlist = playlistKind(extension);
  const kind = playlist ?? (LIVE.has(extension) ? "live" : undefined);
  const mayBeLive = LIVE.has(extension);
  const itself: MediaRequest | undefined = kind &&
    { kind, key: streamKeyFromHttp(where), query, mayBeLive };
  if (itself === undefined && !isPartExtension(extension)) return NO_MEDIA;
  const kindOfRest = playlist ?? "part";
  const [templated, named] = [streamsByTemplate(where, templates), streamsByName(where)]
    .map((keys) => keys.map((key): MediaRequest => ({ kind: kindOfRest, key, query, mayBeLive })));
  const own = itself === undefined ? [] : [itself];
  // A playlist more likely belongs to the stream of its folder than to one called "index". A name
  // that contains a number may be a stream's own name.
  const guesses = playlist === undefined
    ? [...own, ...templated!, ...named!]
    : [...templated!, ...own, ...named!];
  const otherwise = playlist === undefined ? itself : templated![0] ?? itself;
  return { guesses: guesses.slice(0, MAX_GUESSES), otherwise };
}

/**
 * Returns the first of the guesses whose stream an origin has served.
 *
 * @param isServed tells whether an origin has served the stream with that key
 */
export async function firstServed(
  guesses: MediaWish["guesses"],
  isServed: (key: string) => Promise<boolean>,
): Promise<MediaRequest | undefined> {
  for (const guess of guesses) if (await isServed(guess.key.key)) return guess;
  return undefined;
}

/** The kind of playlist with that extension, if any. */
export function playlistKind(extension: string): "hls" | "dash" | undefined {
  return extension === "m3u8" ? "hls" : extension === "mpd" ? "dash" : undefined;
}

/**
 * A live stream is accepted whatever its tag says; for anything else the tag must name its stream.
 */
function taggedRequest(
  spbhid: string,
  where: MediaPath,
  templates: readonly PathTemplate[],
): MediaRequest {
  const named = decodeSpbhid(spbhid);
  const { path, query } = where;
  const extension = extensionOf(path);
  if (named === undefined || !isNamed(named.key, where, templates)) {
    throw new ProxyError("not_found", "Cannot find the stream of this URL");
  }
  const { key, originTag } = named;
  const playlist = playlistKind(extension);
  if (playlist !== undefined) {
    return { kind: playlist, key, originTag, query, mayBeLive: false };
  }
  const mayBeLive = LIVE.has(extension);
  const itself = mayBeLive ? streamKeyFromHttp(where) : undefined;
  const isLive = itself !== undefined &&
    (extension === "flv" || (itself.app === key.app && itself.stream === key.stream));
  return isLive
    ? { kind: "live", key: itself, query, mayBeLive }
    : { kind: "part", key, originTag, query, mayBeLive };
}

function isNamed(
  key: StreamKey,
  where: MediaPath,
  templates: readonly PathTemplate[],
): boolean {
  const isFlv = extensionOf(where.path) === "flv" && !isServicePath(where.path);
  return isFlv || isPathOf(key, where, templates);
}

/** Refuses paths that some servers take as a name and others as a step into another folder. */
function requirePlainPath(path: string): void {
  const isOdd = /\/\.{1,2}(?:\/|$)|\/%2e|%2f|%5c|%00|\\/i.test(path);
  if (isOdd) throw new ProxyError("bad_request", "Cannot use this path");
}
